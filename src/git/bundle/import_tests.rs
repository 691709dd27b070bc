//! Attacks through an agent's history, and their results.

use std::fs;
use std::path::Path;

use crate::test_repo::TestRepo;
use crate::{CommitId, ImportLimits, ImportOutcome, bundle_argv};

const AGENT: &str = "refs/eklavya/agents/one";

/// Imports a bundle that the clone's own git writes.
pub(crate) async fn import(repo: &TestRepo, clone: &Path, base: &CommitId) -> ImportOutcome {
    let argv = bundle_argv(base);
    let arguments: Vec<&str> = argv[1..].iter().map(String::as_str).collect();
    let bytes = repo.git_bytes(clone, &arguments).await;
    import_bytes(repo, &bytes, base, ImportLimits::default()).await
}

async fn import_bytes(
    repo: &TestRepo,
    bytes: &[u8],
    base: &CommitId,
    limits: ImportLimits,
) -> ImportOutcome {
    let file = repo.path("agent.bundle");
    fs::write(&file, bytes).unwrap();
    repo.repository
        .import_bundle(&file, base, AGENT, limits)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_bundle_imports_the_commits_of_an_agent() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    assert_eq!(import(&repo, &clone, &base).await, ImportOutcome::Nothing);
    assert_eq!(
        import_bytes(&repo, b"", &base, ImportLimits::default()).await,
        ImportOutcome::Nothing
    );
    for text in ["2\n", "3\n"] {
        fs::write(clone.join("a"), text).unwrap();
        repo.git_text(&clone, &["commit", "--quiet", "--all", "--message=Work"])
            .await;
    }
    let head = repo.git_text(&clone, &["rev-parse", "HEAD"]).await;
    let ImportOutcome::History(tip) = import(&repo, &clone, &base).await else {
        panic!()
    };
    assert_eq!(tip.as_str(), head);
    assert_eq!(
        repo.repository.resolve(AGENT).await.unwrap(),
        Some(tip.clone())
    );
    assert_eq!(
        repo.repository
            .log(Some(&base), &tip, 9)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        repo.repository.log(None, &tip, 9).await.unwrap()[0].author,
        "Agent One"
    );
}

#[tokio::test]
async fn a_history_that_does_not_descend_from_the_base_is_discarded() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    repo.git_text(&clone, &["checkout", "--quiet", "--orphan", "other"])
        .await;
    repo.git_text(&clone, &["commit", "--quiet", "--message=Rewritten"])
        .await;
    let imported = import(&repo, &clone, &base).await;
    assert!(
        matches!(imported, ImportOutcome::Discarded { .. }),
        "{imported:?}"
    );
    assert_eq!(repo.repository.resolve(AGENT).await.unwrap(), None);
}

#[tokio::test]
async fn broken_oversized_and_lying_bundles_are_discarded_without_a_trace() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    fs::write(clone.join("zeros"), vec![0; 1 << 20]).unwrap();
    repo.git_text(&clone, &["add", "-A"]).await;
    repo.git_text(&clone, &["commit", "--quiet", "--message=Zeros"])
        .await;
    let good = repo
        .git_bytes(
            &clone,
            &["bundle", "create", "--quiet", "-", &format!("{base}..HEAD")],
        )
        .await;
    let head = repo.git_text(&clone, &["rev-parse", "HEAD"]).await;
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let text = String::from_utf8_lossy(&good);
    let pack = text
        .find("\n\n")
        .map(|_| good.windows(6).position(|w| w == b"\n\nPACK").unwrap() + 2)
        .unwrap();
    let lying = [
        format!("# v2 git bundle\n{} HEAD\n\n", "1".repeat(40)).as_bytes(),
        &good[pack..],
    ]
    .concat();
    let cut = good[..good.len() / 2].to_vec();
    let tree = repo.git_text(&clone, &["rev-parse", "HEAD^{tree}"]).await;
    let a_tree = [
        format!("# v2 git bundle\n{tree} HEAD\n\n").as_bytes(),
        &good[pack..],
    ]
    .concat();
    for (name, bytes) in [
        ("flipped", flipped),
        ("lying", lying),
        ("cut", cut),
        ("a tree", a_tree),
        ("text", b"no bundle".to_vec()),
    ] {
        let imported = import_bytes(&repo, &bytes, &base, ImportLimits::default()).await;
        assert!(
            matches!(imported, ImportOutcome::Discarded { .. }),
            "{name}: {imported:?}"
        );
    }
    let normal = ImportLimits::default();
    for limits in [
        ImportLimits {
            bundle_bytes: 100,
            ..normal
        },
        ImportLimits {
            object_bytes: 1 << 19,
            ..normal
        },
        ImportLimits {
            total_bytes: 1 << 19,
            ..normal
        },
    ] {
        let imported = import_bytes(&repo, &good, &base, limits).await;
        assert!(
            matches!(imported, ImportOutcome::Discarded { .. }),
            "{limits:?}: {imported:?}"
        );
    }
    assert_eq!(
        repo.repository.resolve(&head).await.unwrap(),
        None,
        "no object of a discarded bundle is stored"
    );
    assert!(matches!(
        import_bytes(&repo, &good, &base, normal).await,
        ImportOutcome::History(_)
    ));
}

#[tokio::test]
async fn a_bundle_with_a_git_directory_in_a_tree_is_discarded() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    let file = repo.git_text(&clone, &["rev-parse", "HEAD:a"]).await;
    // Git refuses to write such a tree, but its plumbing does not.
    let mut raw = b"100644 .GIT\0".to_vec();
    raw.extend((0..20).map(|i| u8::from_str_radix(&file[2 * i..2 * i + 2], 16).unwrap()));
    fs::write(clone.join("raw"), raw).unwrap();
    let tree = repo
        .git_text(
            &clone,
            &["hash-object", "--literally", "-w", "-t", "tree", "raw"],
        )
        .await;
    let commit = repo
        .git_text(&clone, &["commit-tree", "-p", "HEAD", "-m", "evil", &tree])
        .await;
    repo.git_text(&clone, &["update-ref", "HEAD", &commit])
        .await;
    let ImportOutcome::Discarded { reason } = import(&repo, &clone, &base).await else {
        panic!()
    };
    assert!(reason.contains(".git"), "{reason}");
}

#[tokio::test]
async fn data_after_the_pack_is_not_an_error() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    repo.git_text(
        &clone,
        &["commit", "--quiet", "--allow-empty", "--message=x"],
    )
    .await;
    let range = format!("{base}..HEAD");
    let mut bytes = repo
        .git_bytes(&clone, &["bundle", "create", "--quiet", "-", &range])
        .await;
    bytes.extend(vec![b'x'; 1 << 20]);
    let imported = import_bytes(&repo, &bytes, &base, ImportLimits::default()).await;
    assert!(!matches!(imported, ImportOutcome::Nothing), "{imported:?}");
}

#[tokio::test]
async fn a_bundle_that_is_a_pipe_is_discarded_without_waiting() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let fifo = repo.path("fifo");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let limits = ImportLimits::default();
    let imported = repo
        .repository
        .import_bundle(&fifo, &base, AGENT, limits)
        .await
        .unwrap();
    assert!(matches!(imported, ImportOutcome::Discarded { .. }));
}

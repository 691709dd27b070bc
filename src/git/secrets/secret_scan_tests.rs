//! Keys and known secrets in an agent's work.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::bundle::import_tests::import;
use crate::test_repo::TestRepo;
use crate::{ExcludedPath, ExclusionReason, ImportOutcome};
use eklavya_core::redactor::Redactor;

const SECRET: &str = "correct-horse-battery";

async fn repo_with_secret() -> TestRepo {
    let mut repo = TestRepo::new().await;
    let redactor = Redactor::new([SECRET.into()]);
    repo.repository = repo.repository.clone().with_redactor(redactor);
    repo
}

fn exclusions(left_out: &[ExcludedPath]) -> Vec<(&str, &ExclusionReason)> {
    left_out
        .iter()
        .map(|left| (left.path.as_str(), &left.reason))
        .collect()
}

async fn commit_all(repo: &TestRepo, clone: &Path, message: &str) {
    repo.git_text(clone, &["add", "-A", "-f"]).await;
    let arguments = ["commit", "--quiet", "--allow-empty", "--message", message];
    repo.git_text(clone, &arguments).await;
}

/// Whether any object of the repository contains a part of `text`.
async fn stores_text(repo: &TestRepo, text: &str) -> bool {
    let repository = repo.path("repo.git");
    let arguments = ["cat-file", "--batch", "--batch-all-objects"];
    let objects = repo.git_bytes(&repository, &arguments).await;
    String::from_utf8_lossy(&objects).contains(text)
}

#[tokio::test]
async fn keys_and_secrets_are_left_out_and_all_else_is_recorded() {
    let repo = repo_with_secret().await;
    let base = repo
        .commit("base", &[("old", SECRET), ("config", "empty")])
        .await;
    let tree = repo.write_tree(&[
        ("old", SECRET.as_bytes()),
        ("config", b"password: correct-horse-battery\n"),
        ("encoded", b"Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"),
        ("correct-horse-battery.txt", b"x"),
        ("deep/.env.local", b"KEY=1"),
        (".env.example", b"KEY="),
        ("good", b"work"),
    ]);
    symlink(format!("/tmp/{SECRET}"), tree.join("link")).unwrap();
    symlink("elsewhere", tree.join(".env")).unwrap();
    let snapshot = repo.snapshot(&tree, &base).await;
    let (keys, secret) = (
        &ExclusionReason::EnvironmentFile,
        &ExclusionReason::HoldsSecret,
    );
    let mut left = exclusions(&snapshot.left_out);
    left.sort_by_key(|(path, _)| *path);
    let expected = [
        (".env", keys),
        ("[secret].txt", secret),
        ("config", secret),
        ("deep/.env.local", keys),
        ("encoded", secret),
        ("link", secret),
    ];
    assert_eq!(left, expected);
    let files = repo.repository.list_files(&snapshot.commit).await.unwrap();
    // An existing file that the agent does not change stays.
    assert_eq!(files, [".env.example", "config", "good", "old"]);
    let kept = repo
        .repository
        .read_file(&snapshot.commit, "config", 99)
        .await;
    assert_eq!(kept.unwrap().unwrap(), b"empty");
}

#[tokio::test]
async fn ignored_files_are_not_reported_as_left_out() {
    let repo = repo_with_secret().await;
    let ignored = include_str!("../../../templates/scaffold/gitignore");
    let base = repo.commit("base", &[(".gitignore", ignored)]).await;
    let tree = repo.write_tree(&[
        (".gitignore", ignored.as_bytes()),
        (".env", SECRET.as_bytes()),
        ("sub/.env.local", b"x"),
        ("sub/.env.sample", b"x"),
    ]);
    let snapshot = repo.snapshot(&tree, &base).await;
    assert_eq!(exclusions(&snapshot.left_out), []);
    let files = repo.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(files, [".gitignore", "sub/.env.sample"]);
}

#[tokio::test]
async fn a_history_with_a_secret_is_withheld() {
    for (name, content) in [
        (".env", "KEY=precious-stone"),
        ("notes", "correct-horse-battery precious-stone"),
        ("a\ncorrect-horse-battery", "precious-stone"),
    ] {
        let repo = repo_with_secret().await;
        let base = repo.commit("base", &[("a", "1")]).await;
        let clone = repo.clone_of(&base).await;
        fs::write(clone.join(name), content).unwrap();
        fs::write(clone.join("good"), "work").unwrap();
        commit_all(&repo, &clone, "With it").await;
        let ImportOutcome::Withheld { files } = import(&repo, &clone, &base).await else {
            panic!("{name:?} was imported");
        };
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(!files[0].path.contains(SECRET), "{files:?}");
        fs::remove_file(clone.join(name)).unwrap();
        commit_all(&repo, &clone, "Without it").await;
        let ImportOutcome::Withheld { files } = import(&repo, &clone, &base).await else {
            panic!("{name:?} was imported from the history");
        };
        assert_eq!(files, [], "the remaining files have no secret");
        assert!(!stores_text(&repo, "precious-stone").await, "{name:?}");
        let snapshot = repo.snapshot(&clone, &base).await;
        assert_eq!(exclusions(&snapshot.left_out), []);
        assert!(stores_text(&repo, "work").await);
    }
}

#[tokio::test]
async fn a_secret_in_a_message_or_a_merge_is_found_and_a_clean_history_passes() {
    let repo = repo_with_secret().await;
    let base = repo.commit("base", &[("a", "1")]).await;
    let clone = repo.clone_of(&base).await;
    fs::write(clone.join("good"), "work").unwrap();
    commit_all(&repo, &clone, "Honest").await;
    let honest = import(&repo, &clone, &base).await;
    assert!(matches!(honest, ImportOutcome::History(_)), "{honest:?}");
    repo.git_text(&clone, &["checkout", "-q", "-b", "side", "HEAD~1"])
        .await;
    fs::write(clone.join(".ENV"), "KEY=1").unwrap();
    commit_all(&repo, &clone, "Side").await;
    repo.git_text(&clone, &["checkout", "-q", "work"]).await;
    let merge = ["merge", "-q", "-s", "ours", "--no-edit", "side"];
    repo.git_text(&clone, &merge).await;
    let merged = import(&repo, &clone, &base).await;
    assert!(
        matches!(merged, ImportOutcome::Withheld { .. }),
        "{merged:?}"
    );
    repo.git_text(&clone, &["reset", "-q", "--hard", "HEAD~1"])
        .await;
    commit_all(&repo, &clone, &format!("The key is {SECRET}")).await;
    let imported = import(&repo, &clone, &base).await;
    assert!(
        matches!(imported, ImportOutcome::Withheld { .. }),
        "{imported:?}"
    );
}

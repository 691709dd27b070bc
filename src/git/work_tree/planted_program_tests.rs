//! Programs that an agent plants in its clone's configuration and hooks run for plain git only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::bundle::import_tests::import;
use crate::test_repo::TestRepo;
use crate::work_tree::snapshot_tests::{content, reasons};
use crate::{CommitId, ExclusionReason, ImportOutcome};

/// Writes a program that creates a marker beside the repository when it runs.
fn trap(repo: &TestRepo, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mark = repo.path("trapped");
    fs::write(
        path,
        format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display()),
    )
    .unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether a trap was triggered; resets it.
fn sprung(repo: &TestRepo) -> bool {
    fs::remove_file(repo.path("trapped")).is_ok()
}

/// Runs every operation that reads an agent's tree.
async fn run_every_operation(repo: &TestRepo, clone: &Path, base: &CommitId) -> CommitId {
    let snapshot = repo.snapshot(clone, base).await;
    let out = repo.path("whole-way");
    repo.repository
        .checkout_tree(&snapshot.commit, &out)
        .await
        .unwrap();
    fs::remove_dir_all(out).unwrap();
    repo.repository
        .changed_files(base, &snapshot.commit)
        .await
        .unwrap();
    snapshot.commit
}

#[tokio::test]
async fn programs_named_by_the_clones_configuration_run_for_plain_git_only() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a.txt", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    let program = repo.path("program");
    trap(&repo, &program);
    let program = format!("\"'{}'\"", program.display());
    let settings = format!(
        "[core]\n\tfsmonitor = {program}\n[diff \"x\"]\n\ttextconv = {program}\n[filter \"x\"]\n\tclean = {program}\n\tsmudge = {program}\n"
    );
    let config = clone.join(".git/config");
    let old = fs::read_to_string(&config).unwrap();
    fs::write(&config, old.clone() + &settings).unwrap();
    fs::write(clone.join(".gitattributes"), "* diff=x filter=x\n").unwrap();
    fs::write(clone.join("a.txt"), "2\n").unwrap();
    repo.git_text(&clone, &["status"]).await;
    assert!(sprung(&repo), "plain git must run the planted program");

    let commit = run_every_operation(&repo, &clone, &base).await;
    assert!(!sprung(&repo));
    assert_eq!(content(&repo, &commit, "a.txt").await.unwrap(), "2\n");

    // The same with another directory as the common directory of the repository.
    fs::write(&config, old).unwrap();
    let shared = clone.join("shared");
    fs::create_dir_all(shared.join("refs")).unwrap();
    fs::rename(clone.join(".git/objects"), shared.join("objects")).unwrap();
    fs::write(
        shared.join("config"),
        format!("[core]\n\trepositoryformatversion = 0\n{settings}"),
    )
    .unwrap();
    fs::write(clone.join(".git/commondir"), "../shared\n").unwrap();
    repo.git_text(&clone, &["status"]).await;
    assert!(sprung(&repo), "plain git must run the planted program");
    run_every_operation(&repo, &clone, &base).await;
    assert!(!sprung(&repo));
}

#[tokio::test]
async fn planted_hooks_run_for_plain_git_only() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a.txt", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    for hook in [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
    ] {
        trap(&repo, &clone.join(".git/hooks").join(hook));
    }
    fs::write(clone.join("a.txt"), "2\n").unwrap();
    repo.git_text(&clone, &["commit", "--quiet", "--all", "--message=x"])
        .await;
    assert!(sprung(&repo), "plain git must run the planted program");
    run_every_operation(&repo, &clone, &base).await;
    assert!(!sprung(&repo));
}

#[tokio::test]
async fn a_recorded_submodule_with_a_trap_in_it_is_not_entered() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a.txt", "1\n")]).await;
    let clone = repo.clone_of(&base).await;
    let inner = clone.join("sub");
    fs::create_dir(&inner).unwrap();
    repo.git_text(&inner, &["init", "--quiet"]).await;
    fs::write(inner.join("file"), "inner").unwrap();
    let who = ["-c", "user.name=x", "-c", "user.email=x"];
    for arguments in [&["add", "."][..], &["commit", "--quiet", "-m", "inner"]] {
        repo.git_text(&inner, &[&who, arguments].concat()).await;
    }
    for arguments in [
        &["add", "-A"][..],
        &["commit", "--quiet", "-m", "with a submodule"],
    ] {
        repo.git_text(&clone, arguments).await;
    }
    let program = repo.path("program");
    trap(&repo, &program);
    repo.git_text(
        &inner,
        &[
            "config",
            "core.fsmonitor",
            &format!("'{}'", program.display()),
        ],
    )
    .await;
    repo.git_text(&clone, &["add", "-A"]).await;
    assert!(sprung(&repo), "plain git must run the planted program");

    let ImportOutcome::History(tip) = import(&repo, &clone, &base).await else {
        panic!()
    };
    let snapshot = repo.snapshot(&clone, &tip).await;
    assert!(!sprung(&repo));
    assert_eq!(
        reasons(&snapshot),
        [("sub/.git", &ExclusionReason::NestedRepository)]
    );
    assert_eq!(
        content(&repo, &snapshot.commit, "sub/file").await.unwrap(),
        "inner"
    );
    let listed = repo
        .git_text(
            &repo.path("repo.git"),
            &["ls-tree", "-r", snapshot.commit.as_str()],
        )
        .await;
    assert!(!listed.contains("160000"), "{listed}");
    assert!(
        inner.join(".git/config").exists(),
        "the agent's own tree is only read"
    );
}

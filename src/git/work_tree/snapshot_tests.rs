//! Attacks through the files of an agent's work tree, and their results.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::test_repo::TestRepo;
use crate::{CommitId, ExclusionReason, GitError, SnapshotLimits, WorkTreeSnapshot};

const AGENT: &str = "refs/eklavya/agents/one";

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

pub(crate) fn reasons(snapshot: &WorkTreeSnapshot) -> Vec<(&str, &ExclusionReason)> {
    snapshot
        .left_out
        .iter()
        .map(|left| (left.path.as_str(), &left.reason))
        .collect()
}

pub(crate) async fn content(repo: &TestRepo, commit: &CommitId, path: &str) -> Option<String> {
    let bytes = repo
        .repository
        .read_file(commit, path, 1 << 20)
        .await
        .unwrap();
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn links_are_recorded_as_links_and_never_followed() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("docs/a", "1")]).await;
    let tree = repo.write_tree(&[("b", b"2")]);
    fs::create_dir(repo.path("outside")).unwrap();
    fs::write(repo.path("outside/secret"), "secret").unwrap();
    symlink("/etc/passwd", tree.join("passwd")).unwrap();
    symlink(repo.path("outside"), tree.join("docs")).unwrap();
    symlink("/etc/passwd", tree.join(".gitignore")).unwrap();
    symlink("/etc/passwd", tree.join(".gitattributes")).unwrap();
    let commit = repo.snapshot(&tree, &base).await.commit;
    let files = repo.repository.list_files(&commit).await.unwrap();
    assert_eq!(
        files,
        [".gitattributes", ".gitignore", "b", "docs", "passwd"]
    );
    assert_eq!(
        content(&repo, &commit, "passwd").await,
        None,
        "a link is not a plain file"
    );
    let target = repo
        .git_text(
            &repo.path("repo.git"),
            &["cat-file", "blob", &format!("{commit}:passwd")],
        )
        .await;
    assert_eq!(target, "/etc/passwd");
    symlink(&tree, repo.path("tree-link")).unwrap();
    let (who, limits) = (TestRepo::signature(), SnapshotLimits::default());
    let through = repo
        .repository
        .snapshot(&repo.path("tree-link"), &base, AGENT, &who, "m", limits)
        .await;
    assert!(matches!(through.unwrap_err(), GitError::Io { .. }));
}

#[tokio::test]
async fn hostile_file_names_are_recorded_or_left_out() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1")]).await;
    let odd: [&[u8]; 9] = [
        b"new\nline",
        b"-rf",
        b"--exec=x",
        b":(top)a",
        b"\"quoted\"",
        b"\xff\xfe",
        b"back\\slash",
        b" ",
        b"M 100644 inline x",
    ];
    let tree = repo.write_tree(&[
        (".git/config", b"[core]\n"),
        ("sub/.git", b"gitdir: /tmp\n"),
        (".gitmodules", b"[submodule \"../../x\"]\n\tpath = -x\n"),
    ]);
    for name in odd {
        fs::write(tree.join(OsStr::from_bytes(name)), name).unwrap();
    }
    for name in [".GIT", "git~1", ".git ", ".g\u{200c}it", "x/.Git"] {
        fs::create_dir_all(tree.join(name)).unwrap();
        fs::write(tree.join(name).join("config"), "x").unwrap();
    }
    let snapshot = repo.snapshot(&tree, &base).await;
    let left: Vec<&str> = reasons(&snapshot).iter().map(|(path, _)| *path).collect();
    assert_eq!(
        left,
        [
            ".GIT",
            ".git ",
            ".gitmodules",
            ".g\u{200c}it",
            "git~1",
            "sub/.git",
            "x/.Git"
        ]
    );
    let files = repo.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(files.len(), odd.len(), "{files:?}");
    let out = repo.path("out");
    repo.repository
        .checkout_tree(&snapshot.commit, &out)
        .await
        .unwrap();
    for name in odd {
        assert_eq!(fs::read(out.join(OsStr::from_bytes(name))).unwrap(), name);
    }
    repo.git_text(
        &repo.path("repo.git"),
        &["update-ref", "refs/heads/main", snapshot.commit.as_str()],
    )
    .await;
    let strict = repo
        .git_text(
            &repo.path("repo.git"),
            &["fsck", "--strict", "--no-dangling"],
        )
        .await;
    assert_eq!(strict, "");
}

#[tokio::test]
async fn special_and_huge_files_are_left_out_and_keep_their_old_version() {
    let repo = TestRepo::new().await;
    let base = repo
        .commit(
            "base",
            &[("tracked", "old"), ("big", "old"), ("gone", "old")],
        )
        .await;
    let tree = repo.write_tree(&[("a", b"1")]);
    for name in ["tracked", "pipe", "deep", ".gitattributes"] {
        pipe(&tree.join(name));
    }
    std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    fs::File::create(tree.join("big"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    fs::create_dir(tree.join("sub")).unwrap();
    pipe(&tree.join("sub/.gitignore"));
    let snapshot = repo.snapshot(&tree, &base).await;
    let limit = SnapshotLimits::default().file_bytes;
    let giant = ExclusionReason::TooLarge {
        bytes: 1 << 40,
        limit,
    };
    let left = [
        ".gitattributes",
        "big",
        "deep",
        "pipe",
        "socket",
        "sub/.gitignore",
        "tracked",
    ];
    let expected = left.map(|name| {
        (
            name,
            if name == "big" {
                &giant
            } else {
                &ExclusionReason::SpecialFile
            },
        )
    });
    assert_eq!(reasons(&snapshot), expected);
    let files = repo.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(files, ["a", "big", "tracked"]);
    assert_eq!(
        content(&repo, &snapshot.commit, "tracked").await.unwrap(),
        "old"
    );
}

#[tokio::test]
async fn a_directory_that_is_too_deep_is_left_out() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1")]).await;
    let tree = repo.write_tree(&[("a", b"2")]);
    let mut at = rustix::fs::open(&tree, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..600 {
        rustix::fs::mkdirat(&at, "dd", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "dd", rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let snapshot = repo.snapshot(&tree, &base).await;
    assert_eq!(snapshot.left_out.len(), 1);
    assert_eq!(snapshot.left_out[0].reason, ExclusionReason::TooDeep);
    assert_eq!(content(&repo, &snapshot.commit, "a").await.unwrap(), "2");
    crate::remove_tree(&tree).await.unwrap();
}

#[tokio::test]
async fn a_tree_over_the_limits_is_an_error_that_suggests_gitignore() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1")]).await;
    let tree = repo.write_tree(&[("a", b"12345"), ("b", b"12345"), ("out/c", b"12345")]);
    let small = SnapshotLimits {
        total_bytes: 10,
        ..SnapshotLimits::default()
    };
    let few = SnapshotLimits {
        entries: 2,
        ..small
    };
    let snapshot = async |limits| {
        repo.repository
            .snapshot(&tree, &base, AGENT, &TestRepo::signature(), "m", limits)
            .await
    };
    for limits in [small, few] {
        let error = snapshot(limits).await.unwrap_err();
        assert!(error.to_string().contains(".gitignore"), "{error}");
    }
    assert_eq!(repo.repository.resolve(AGENT).await.unwrap(), None);
    let rules = SnapshotLimits {
        total_bytes: 15,
        ..small
    };
    fs::write(tree.join(".gitignore"), "out\n").unwrap();
    snapshot(rules).await.unwrap();
}

#[tokio::test]
async fn ignore_rules_hold_and_an_unchanged_tree_makes_no_commit() {
    let repo = TestRepo::new().await;
    let files = [
        (".gitignore", "*.log\n/out/\n!kept.log\n"),
        ("old.log", "1"),
        ("a", "1"),
    ];
    let base = repo.commit("base", &files).await;
    let tree = repo.write_tree(&[
        ("new.log", b"x"),
        ("kept.log", b"x"),
        ("out/node/.git/HEAD", b"x"),
        ("sub/.gitignore", b"*\n"),
        ("sub/x", b"1"),
    ]);
    for (path, text) in files {
        fs::write(tree.join(path), text).unwrap();
    }
    fs::write(tree.join("old.log"), "2").unwrap();
    pipe(&tree.join("out/pipe"));
    let snapshot = repo.snapshot(&tree, &base).await;
    assert!(snapshot.changed);
    assert_eq!(reasons(&snapshot), [], "ignored files are not reported");
    let recorded = repo.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(recorded, [".gitignore", "a", "kept.log", "old.log"]);
    let delete = ["update-ref", "-d", AGENT];
    repo.git_text(repo.repository.path(), &delete).await;
    let again = repo.snapshot(&tree, &snapshot.commit).await;
    assert_eq!((again.changed, &again.commit), (false, &snapshot.commit));
    assert_eq!(
        repo.repository.resolve(AGENT).await.unwrap(),
        Some(snapshot.commit)
    );
}

#[tokio::test]
async fn concurrent_snapshots_of_one_repository_all_succeed() {
    let repo = TestRepo::new().await;
    let base = repo.commit("base", &[("a", "1\n")]).await;
    let mut agents = tokio::task::JoinSet::new();
    for number in 0..6 {
        let tree = repo.path(&format!("tree-{number}"));
        fs::create_dir(&tree).unwrap();
        for file in 0..150 {
            fs::write(
                tree.join(format!("{number}-{file}")),
                format!("{number} {file}"),
            )
            .unwrap();
        }
        let (repository, base, who) =
            (repo.repository.clone(), base.clone(), TestRepo::signature());
        agents.spawn(async move {
            let (refname, limits) = (
                format!("refs/eklavya/agents/{number}"),
                SnapshotLimits::default(),
            );
            repository
                .snapshot(&tree, &base, &refname, &who, "m", limits)
                .await
                .unwrap()
                .commit
        });
    }
    for commit in agents.join_all().await {
        assert_eq!(
            repo.repository.list_files(&commit).await.unwrap().len(),
            150
        );
    }
    assert_eq!(
        repo.repository
            .list_refs("refs/eklavya/agents")
            .await
            .unwrap()
            .len(),
        6
    );
    let fsck = repo
        .git_text(
            &repo.path("repo.git"),
            &["fsck", "--strict", "--no-dangling"],
        )
        .await;
    assert_eq!(fsck, "");
}

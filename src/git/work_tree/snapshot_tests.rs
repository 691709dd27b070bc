//! What an agent may try with its work tree, and what becomes of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::bundle::import_tests::import;
use crate::test_repo::TestRepo;
use crate::{CommitId, ExclusionReason, GitError, ImportOutcome, SnapshotLimits, WorkTreeSnapshot};

const AGENT: &str = "refs/eklavya/agents/one";

/// Writes a program that leaves a mark beside the repository when it runs.
fn trap(bench: &TestRepo, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mark = bench.path("trapped");
    fs::write(
        path,
        format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display()),
    )
    .unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Says whether a trap went off, and sets it up again.
fn sprung(bench: &TestRepo) -> bool {
    fs::remove_file(bench.path("trapped")).is_ok()
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn reasons(snapshot: &WorkTreeSnapshot) -> Vec<(&str, &ExclusionReason)> {
    snapshot
        .left_out
        .iter()
        .map(|left| (left.path.as_str(), &left.reason))
        .collect()
}

async fn content(bench: &TestRepo, commit: &CommitId, path: &str) -> Option<String> {
    let bytes = bench
        .repository
        .read_file(commit, path, 1 << 20)
        .await
        .unwrap();
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Everything that works on the tree of an agent, in one go.
async fn run_every_operation(bench: &TestRepo, clone: &Path, base: &CommitId) -> CommitId {
    let snapshot = bench.snapshot(clone, base).await;
    let out = bench.path("whole-way");
    bench
        .repository
        .checkout_tree(&snapshot.commit, &out)
        .await
        .unwrap();
    fs::remove_dir_all(out).unwrap();
    bench
        .repository
        .changed_files(base, &snapshot.commit)
        .await
        .unwrap();
    snapshot.commit
}

#[tokio::test]
async fn programs_named_by_the_clones_configuration_run_for_plain_git_only() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a.txt", "1\n")]).await;
    let clone = bench.clone_of(&base).await;
    let program = bench.path("program");
    trap(&bench, &program);
    let program = format!("\"'{}'\"", program.display());
    let settings = format!(
        "[core]\n\tfsmonitor = {program}\n[diff \"x\"]\n\ttextconv = {program}\n[filter \"x\"]\n\tclean = {program}\n\tsmudge = {program}\n"
    );
    let config = clone.join(".git/config");
    let old = fs::read_to_string(&config).unwrap();
    fs::write(&config, old.clone() + &settings).unwrap();
    fs::write(clone.join(".gitattributes"), "* diff=x filter=x\n").unwrap();
    fs::write(clone.join("a.txt"), "2\n").unwrap();
    bench.git_text(&clone, &["status"]).await;
    assert!(
        sprung(&bench),
        "the trap must work for the test to mean something"
    );

    let commit = run_every_operation(&bench, &clone, &base).await;
    assert!(!sprung(&bench));
    assert_eq!(content(&bench, &commit, "a.txt").await.unwrap(), "2\n");

    // The same by way of another directory that poses as the shared part of the repository.
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
    bench.git_text(&clone, &["status"]).await;
    assert!(
        sprung(&bench),
        "the trap must work for the test to mean something"
    );
    run_every_operation(&bench, &clone, &base).await;
    assert!(!sprung(&bench));
}

#[tokio::test]
async fn planted_hooks_run_for_plain_git_only() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a.txt", "1\n")]).await;
    let clone = bench.clone_of(&base).await;
    for hook in [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
    ] {
        trap(&bench, &clone.join(".git/hooks").join(hook));
    }
    fs::write(clone.join("a.txt"), "2\n").unwrap();
    bench
        .git_text(&clone, &["commit", "--quiet", "--all", "--message=x"])
        .await;
    assert!(
        sprung(&bench),
        "the trap must work for the test to mean something"
    );
    run_every_operation(&bench, &clone, &base).await;
    assert!(!sprung(&bench));
}

#[tokio::test]
async fn a_recorded_submodule_with_a_trap_in_it_is_not_entered() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a.txt", "1\n")]).await;
    let clone = bench.clone_of(&base).await;
    let inner = clone.join("sub");
    fs::create_dir(&inner).unwrap();
    bench.git_text(&inner, &["init", "--quiet"]).await;
    fs::write(inner.join("file"), "inner").unwrap();
    let who = ["-c", "user.name=x", "-c", "user.email=x"];
    for arguments in [&["add", "."][..], &["commit", "--quiet", "-m", "inner"]] {
        bench.git_text(&inner, &[&who, arguments].concat()).await;
    }
    for arguments in [
        &["add", "-A"][..],
        &["commit", "--quiet", "-m", "with a submodule"],
    ] {
        bench.git_text(&clone, arguments).await;
    }
    let program = bench.path("program");
    trap(&bench, &program);
    bench
        .git_text(
            &inner,
            &[
                "config",
                "core.fsmonitor",
                &format!("'{}'", program.display()),
            ],
        )
        .await;
    bench.git_text(&clone, &["add", "-A"]).await;
    assert!(
        sprung(&bench),
        "the trap must work for the test to mean something"
    );

    let ImportOutcome::History(tip) = import(&bench, &clone, &base).await else {
        panic!()
    };
    let snapshot = bench.snapshot(&clone, &tip).await;
    assert!(!sprung(&bench));
    assert_eq!(
        reasons(&snapshot),
        [("sub/.git", &ExclusionReason::NestedRepository)]
    );
    assert_eq!(
        content(&bench, &snapshot.commit, "sub/file").await.unwrap(),
        "inner"
    );
    let listed = bench
        .git_text(
            &bench.path("repo.git"),
            &["ls-tree", "-r", snapshot.commit.as_str()],
        )
        .await;
    assert!(!listed.contains("160000"), "{listed}");
    assert!(
        inner.join(".git/config").exists(),
        "the agent's own tree is only read"
    );
}

#[tokio::test]
async fn links_are_recorded_as_links_and_never_followed() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("docs/a", "1")]).await;
    let tree = bench.write_tree(&[("b", b"2")]);
    fs::create_dir(bench.path("outside")).unwrap();
    fs::write(bench.path("outside/secret"), "secret").unwrap();
    symlink("/etc/passwd", tree.join("passwd")).unwrap();
    symlink(bench.path("outside"), tree.join("docs")).unwrap();
    symlink("/etc/passwd", tree.join(".gitignore")).unwrap();
    symlink("/etc/passwd", tree.join(".gitattributes")).unwrap();
    let commit = bench.snapshot(&tree, &base).await.commit;
    let files = bench.repository.list_files(&commit).await.unwrap();
    assert_eq!(
        files,
        [".gitattributes", ".gitignore", "b", "docs", "passwd"]
    );
    assert_eq!(
        content(&bench, &commit, "passwd").await,
        None,
        "a link is no plain file"
    );
    let target = bench
        .git_text(
            &bench.path("repo.git"),
            &["cat-file", "blob", &format!("{commit}:passwd")],
        )
        .await;
    assert_eq!(target, "/etc/passwd");
    symlink(&tree, bench.path("tree-link")).unwrap();
    let (who, limits) = (TestRepo::signature(), SnapshotLimits::default());
    let through = bench
        .repository
        .snapshot(&bench.path("tree-link"), &base, AGENT, &who, "m", limits)
        .await;
    assert!(matches!(through.unwrap_err(), GitError::Io { .. }));
}

#[tokio::test]
async fn hostile_names_neither_break_nor_escape() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a", "1")]).await;
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
    let tree = bench.write_tree(&[
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
    let snapshot = bench.snapshot(&tree, &base).await;
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
    let files = bench.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(files.len(), odd.len(), "{files:?}");
    let out = bench.path("out");
    bench
        .repository
        .checkout_tree(&snapshot.commit, &out)
        .await
        .unwrap();
    for name in odd {
        assert_eq!(fs::read(out.join(OsStr::from_bytes(name))).unwrap(), name);
    }
    bench
        .git_text(
            &bench.path("repo.git"),
            &["update-ref", "refs/heads/main", snapshot.commit.as_str()],
        )
        .await;
    let strict = bench
        .git_text(
            &bench.path("repo.git"),
            &["fsck", "--strict", "--no-dangling"],
        )
        .await;
    assert_eq!(strict, "");
}

#[tokio::test]
async fn pipes_giants_and_sealed_files_are_left_out_and_what_was_there_stays() {
    let bench = TestRepo::new().await;
    let base = bench
        .commit(
            "base",
            &[("tracked", "old"), ("big", "old"), ("gone", "old")],
        )
        .await;
    let tree = bench.write_tree(&[("a", b"1")]);
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
    let snapshot = bench.snapshot(&tree, &base).await;
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
    let files = bench.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(files, ["a", "big", "tracked"]);
    assert_eq!(
        content(&bench, &snapshot.commit, "tracked").await.unwrap(),
        "old"
    );
}

#[tokio::test]
async fn depth_exhausts_nothing() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a", "1")]).await;
    let tree = bench.write_tree(&[("a", b"2")]);
    let mut at = rustix::fs::open(&tree, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..600 {
        rustix::fs::mkdirat(&at, "dd", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "dd", rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let snapshot = bench.snapshot(&tree, &base).await;
    assert_eq!(snapshot.left_out.len(), 1);
    assert_eq!(snapshot.left_out[0].reason, ExclusionReason::TooDeep);
    assert_eq!(content(&bench, &snapshot.commit, "a").await.unwrap(), "2");
    crate::remove_tree(&tree).await.unwrap();
}

#[tokio::test]
async fn too_much_is_an_error_that_says_what_to_do() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a", "1")]).await;
    let tree = bench.write_tree(&[("a", b"12345"), ("b", b"12345"), ("out/c", b"12345")]);
    let small = SnapshotLimits {
        total_bytes: 10,
        ..SnapshotLimits::default()
    };
    let few = SnapshotLimits {
        entries: 2,
        ..small
    };
    let snapshot = async |limits| {
        bench
            .repository
            .snapshot(&tree, &base, AGENT, &TestRepo::signature(), "m", limits)
            .await
    };
    for limits in [small, few] {
        let error = snapshot(limits).await.unwrap_err();
        assert!(error.to_string().contains(".gitignore"), "{error}");
    }
    assert_eq!(bench.repository.resolve(AGENT).await.unwrap(), None);
    let rules = SnapshotLimits {
        total_bytes: 15,
        ..small
    };
    fs::write(tree.join(".gitignore"), "out\n").unwrap();
    snapshot(rules).await.unwrap();
}

#[tokio::test]
async fn ignore_rules_hold_and_an_unchanged_tree_makes_no_commit() {
    let bench = TestRepo::new().await;
    let files = [
        (".gitignore", "*.log\n/out/\n!kept.log\n"),
        ("old.log", "1"),
        ("a", "1"),
    ];
    let base = bench.commit("base", &files).await;
    let tree = bench.write_tree(&[
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
    let snapshot = bench.snapshot(&tree, &base).await;
    assert!(snapshot.changed);
    assert_eq!(
        reasons(&snapshot),
        [],
        "what the rules name is not worth a word"
    );
    let recorded = bench.repository.list_files(&snapshot.commit).await.unwrap();
    assert_eq!(recorded, [".gitignore", "a", "kept.log", "old.log"]);
    let delete = ["update-ref", "-d", AGENT];
    bench.git_text(bench.repository.path(), &delete).await;
    let again = bench.snapshot(&tree, &snapshot.commit).await;
    assert_eq!((again.changed, &again.commit), (false, &snapshot.commit));
    assert_eq!(
        bench.repository.resolve(AGENT).await.unwrap(),
        Some(snapshot.commit)
    );
}

#[tokio::test]
async fn many_work_in_one_repository_at_once() {
    let bench = TestRepo::new().await;
    let base = bench.commit("base", &[("a", "1\n")]).await;
    let mut agents = tokio::task::JoinSet::new();
    for number in 0..6 {
        let tree = bench.path(&format!("tree-{number}"));
        fs::create_dir(&tree).unwrap();
        for file in 0..150 {
            fs::write(
                tree.join(format!("{number}-{file}")),
                format!("{number} {file}"),
            )
            .unwrap();
        }
        let (repository, base, who) = (
            bench.repository.clone(),
            base.clone(),
            TestRepo::signature(),
        );
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
            bench.repository.list_files(&commit).await.unwrap().len(),
            150
        );
    }
    assert_eq!(
        bench
            .repository
            .list_refs("refs/eklavya/agents")
            .await
            .unwrap()
            .len(),
        6
    );
    let fsck = bench
        .git_text(
            &bench.path("repo.git"),
            &["fsck", "--strict", "--no-dangling"],
        )
        .await;
    assert_eq!(fsck, "");
}

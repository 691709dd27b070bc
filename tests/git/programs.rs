//! Programs that a clone's configuration names, and hooks.

use std::fs;

use crate::clone_fixture::CloneFixture;

#[tokio::test]
async fn configured_programs_run_for_a_users_git_only() {
    for (settings, looked) in [
        ("[core]\n\tfsmonitor = CANARY\n", &["status"][..]),
        ("[diff \"x\"]\n\ttextconv = CANARY\n", &["diff"]),
        ("[diff \"x\"]\n\tcommand = CANARY\n", &["diff"]),
        ("[diff]\n\texternal = CANARY\n", &["diff"]),
        ("[filter \"x\"]\n\tclean = CANARY\n", &["diff"]),
        (
            "[filter \"x\"]\n\tsmudge = CANARY\n",
            &["checkout", "-f", "HEAD", "--", "docs"],
        ),
        (
            "[filter \"x\"]\n\tprocess = CANARY\n\trequired = true\n",
            &["diff"],
        ),
        ("[core]\n\thooksPath = HOOKS\n", &["checkout", "-q", "HEAD"]),
        (
            "[gpg]\n\tprogram = CANARY\n[commit]\n\tgpgSign = true\n",
            &["commit", "-qam", "x"],
        ),
        ("[core]\n\teditor = CANARY\n", &["commit", "-a"]),
        (
            "[core]\n\tsshCommand = CANARY\n",
            &["fetch", "ssh://nowhere/x"],
        ),
        ("[alias]\n\tst = !CANARY\n", &["st"]),
        ("[uploadpack]\n\tpackObjectsHook = CANARY\n", &[]),
        ("[merge \"x\"]\n\tdriver = CANARY\n", &[]),
    ] {
        let fixture = CloneFixture::open().await;
        let canary = fixture.write_canary();
        fs::create_dir(fixture.outside("hooks")).unwrap();
        fs::copy(&canary, fixture.outside("hooks/post-checkout")).unwrap();
        let settings = settings.replace("CANARY", &canary);
        let hooks = fixture.outside("hooks").display().to_string();
        fixture.append(".git/config", &settings.replace("HOOKS", &hooks));
        fixture.write(".gitattributes", "* diff=x filter=x merge=x\n");
        // The clone's own attributes would override those of the tree.
        fixture.write(".git/info/attributes", "");
        fixture.write("a.txt", "changed\n");
        fs::remove_file(fixture.path("docs/b.txt")).unwrap();
        if !looked.is_empty() {
            fixture.host_git(looked);
            assert!(
                fixture.take_canary_mark(),
                "{settings}: the attempt works without the guard"
            );
        }
        fixture.write("docs/b.txt", "two\n");
        fixture.write("a.txt", "changed\n");
        fixture.assert_harmless().await;
        assert_eq!(
            fixture.checked_out_file("a.txt"),
            b"changed\n",
            "{settings}"
        );
    }
}

#[tokio::test]
async fn programs_of_redirected_configuration_run_for_a_users_git_only() {
    for method in ["include", "commondir", "worktree", "gitfile"] {
        let fixture = CloneFixture::open().await;
        let trap = format!("[core]\n\tfsmonitor = {}\n", fixture.write_canary());
        let clone = &fixture.dirs.clone;
        match method {
            "include" => {
                fixture.write("more", &trap);
                fixture.append(".git/config", "[include]\n\tpath = ../more\n");
            }
            "commondir" => {
                fs::create_dir_all(clone.join("shared/refs")).unwrap();
                fs::rename(clone.join(".git/objects"), clone.join("shared/objects")).unwrap();
                let head = "[core]\n\trepositoryformatversion = 0\n";
                fixture.write("shared/config", head.to_owned() + &trap);
                fixture.write(".git/commondir", "../shared\n");
            }
            "worktree" => {
                fixture.append(".git/config", "[extensions]\n\tworktreeConfig = true\n");
                fixture.write(".git/config.worktree", &trap);
            }
            _ => {
                fs::rename(clone.join(".git"), clone.join("elsewhere")).unwrap();
                fixture.write(".git", "gitdir: elsewhere\n");
                fixture.append("elsewhere/config", &trap);
            }
        }
        fixture.write("a.txt", "changed\n");
        fixture.host_git(&["status"]);
        assert!(
            fixture.take_canary_mark(),
            "{method}: the attempt works without the guard"
        );
        fixture.assert_harmless().await;
        assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n", "{method}");
    }
}

#[tokio::test]
async fn a_work_tree_elsewhere_is_neither_read_nor_written() {
    let fixture = CloneFixture::open().await;
    let other = fixture.outside("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("private"), "of another user").unwrap();
    let setting = format!("[core]\n\tworktree = {}\n", other.display());
    fixture.append(".git/config", &setting);
    let seen = fixture.host_git(&["status", "--porcelain"]);
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(
        seen.contains("private"),
        "the attempt works without the guard: {seen}"
    );
    let taken = fixture.assert_harmless().await;
    let files = fixture.repository.list_files(&taken.main).await.unwrap();
    assert!(
        !files.iter().any(|file| file.contains("private")),
        "{files:?}"
    );
    assert_eq!(fs::read_dir(other).unwrap().count(), 1);
}

#[tokio::test]
async fn hooks_run_for_a_users_git_only() {
    let names = [
        "pre-commit",
        "post-commit",
        "post-checkout",
        "post-merge",
        "pre-push",
        "post-index-change",
        "reference-transaction",
        "pre-receive",
        "update",
        "post-receive",
        "post-update",
        "push-to-checkout",
        "pre-auto-gc",
        "post-rewrite",
        "fsmonitor-watchman",
        "applypatch-msg",
    ];
    let fixture = CloneFixture::open().await;
    for name in names {
        fixture.write_canary_hook(name);
    }
    fixture.write("a.txt", "changed\n");
    fixture.host_git(&["commit", "-qam", "x"]);
    assert!(
        fixture.take_canary_mark(),
        "the attempt works without the guard"
    );
    fixture.assert_harmless().await;
    assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n");
}

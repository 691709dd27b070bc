//! Programs that a clone's configuration names, and hooks.

use std::fs;

use crate::shop::CloneFixture;

#[tokio::test]
async fn programs_of_the_configuration_run_for_a_persons_git_only() {
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
        let shop = CloneFixture::open().await;
        let canary = shop.write_canary();
        fs::create_dir(shop.outside("hooks")).unwrap();
        fs::copy(&canary, shop.outside("hooks/post-checkout")).unwrap();
        let settings = settings.replace("CANARY", &canary);
        let hooks = shop.outside("hooks").display().to_string();
        shop.append(".git/config", &settings.replace("HOOKS", &hooks));
        shop.write(".gitattributes", "* diff=x filter=x merge=x\n");
        // Those of the clone itself would take the attributes back.
        shop.write(".git/info/attributes", "");
        shop.write("a.txt", "changed\n");
        fs::remove_file(shop.path("docs/b.txt")).unwrap();
        if !looked.is_empty() {
            shop.host_git(looked);
            assert!(
                shop.take_canary_mark(),
                "{settings}: the attempt works without the guard"
            );
        }
        shop.write("docs/b.txt", "two\n");
        shop.write("a.txt", "changed\n");
        shop.assert_harmless().await;
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{settings}");
    }
}

#[tokio::test]
async fn configuration_that_leads_elsewhere_does_too() {
    for way in ["include", "commondir", "worktree", "gitfile"] {
        let shop = CloneFixture::open().await;
        let trap = format!("[core]\n\tfsmonitor = {}\n", shop.write_canary());
        let clone = &shop.dirs.clone;
        match way {
            "include" => {
                shop.write("more", &trap);
                shop.append(".git/config", "[include]\n\tpath = ../more\n");
            }
            "commondir" => {
                fs::create_dir_all(clone.join("shared/refs")).unwrap();
                fs::rename(clone.join(".git/objects"), clone.join("shared/objects")).unwrap();
                let head = "[core]\n\trepositoryformatversion = 0\n";
                shop.write("shared/config", head.to_owned() + &trap);
                shop.write(".git/commondir", "../shared\n");
            }
            "worktree" => {
                shop.append(".git/config", "[extensions]\n\tworktreeConfig = true\n");
                shop.write(".git/config.worktree", &trap);
            }
            _ => {
                fs::rename(clone.join(".git"), clone.join("elsewhere")).unwrap();
                shop.write(".git", "gitdir: elsewhere\n");
                shop.append("elsewhere/config", &trap);
            }
        }
        shop.write("a.txt", "changed\n");
        shop.host_git(&["status"]);
        assert!(
            shop.take_canary_mark(),
            "{way}: the attempt works without the guard"
        );
        shop.assert_harmless().await;
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{way}");
    }
}

#[tokio::test]
async fn a_work_tree_elsewhere_is_neither_read_nor_written() {
    let shop = CloneFixture::open().await;
    let other = shop.outside("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("private"), "of somebody else").unwrap();
    let setting = format!("[core]\n\tworktree = {}\n", other.display());
    shop.append(".git/config", &setting);
    let seen = shop.host_git(&["status", "--porcelain"]);
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(
        seen.contains("private"),
        "the attempt works without the guard: {seen}"
    );
    let taken = shop.assert_harmless().await;
    let files = shop.repository.list_files(&taken.main).await.unwrap();
    assert!(
        !files.iter().any(|file| file.contains("private")),
        "{files:?}"
    );
    assert_eq!(fs::read_dir(other).unwrap().count(), 1);
}

#[tokio::test]
async fn hooks_of_every_side_run_for_a_persons_git_only() {
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
    let shop = CloneFixture::open().await;
    for name in names {
        shop.write_canary_hook(name);
    }
    shop.write("a.txt", "changed\n");
    shop.host_git(&["commit", "-qam", "x"]);
    assert!(
        shop.take_canary_mark(),
        "the attempt works without the guard"
    );
    shop.assert_harmless().await;
    assert_eq!(shop.checked_out_file("a.txt"), b"changed\n");
}

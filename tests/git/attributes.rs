//! Attributes and submodules: what a tree says about how git is to treat it.

use std::fs;

use eklavya_git::{ExclusionReason, ImportOutcome};

use crate::shop::CloneFixture;

#[tokio::test]
async fn attributes_change_no_byte_of_what_is_recorded_merged_and_delivered() {
    let shop = CloneFixture::open().await;
    let canary = shop.write_canary();
    let config = format!("[filter \"x\"]\n\tclean = {canary}\n\tsmudge = {canary}\n");
    shop.append(".git/config", &config);
    let everything = "* text eol=crlf ident filter=x working-tree-encoding=UTF-16 export-subst \
        diff=x merge=x -delta linguist-generated\ndocs export-ignore\n[attr]binary2 -diff\n";
    for place in [".gitattributes", "docs/.gitattributes"] {
        shop.write(place, everything);
    }
    shop.write("crlf.txt", "a\r\nb\n$Id$ $Format:%an%n$\n");
    shop.write("utf16.txt", b"\xff\xfea\0");
    let taken = shop.assert_harmless().await;
    assert_eq!(
        shop.checked_out_file("crlf.txt"),
        b"a\r\nb\n$Id$ $Format:%an%n$\n"
    );
    assert_eq!(shop.checked_out_file("$Id$.txt"), b"$Id$\n");
    assert_eq!(shop.checked_out_file("utf16.txt"), b"\xff\xfea\0");
    assert_eq!(shop.checked_out_file("docs/b.txt"), b"two\n");
    assert!(taken.snapshot.left_out.is_empty());
}

#[tokio::test]
async fn submodules_of_any_kind_are_neither_fetched_nor_entered() {
    let urls = [
        "file:///etc",
        "ext::sh -c touch% /tmp/x",
        "-u./canary",
        "ssh://-oProxyCommand=x/y",
        "../../repo.git",
        "/var/tmp",
    ];
    for (url, path) in urls
        .into_iter()
        .zip(["-x", "../../x", "sub", ".git/x", "a\\b", "sub"])
    {
        let shop = CloneFixture::open().await;
        let modules = format!(
            "[submodule \"../../x\"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !{}\n",
            shop.write_canary()
        );
        shop.write(".gitmodules", &modules);
        // A commit of another repository in the tree, as plumbing makes it.
        let head = shop.git(&["rev-parse", "HEAD"]);
        let entry = format!("160000,{head},sub");
        shop.git(&["update-index", "--add", "--cacheinfo", &entry]);
        shop.git(&["add", ".gitmodules"]);
        shop.git(&["commit", "-q", "-m", "With a submodule"]);
        shop.write("a.txt", "changed\n");
        let taken = shop.assert_harmless().await;
        let reasons: Vec<_> = taken
            .snapshot
            .left_out
            .iter()
            .map(|out| &out.reason)
            .collect();
        assert_eq!(reasons, [&ExclusionReason::Submodules], "{url}");
        let listed = shop.host_git_in(shop.repository.path(), &["ls-tree", "-r", "main"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(
            !listed.contains("160000") && !listed.contains(".gitmodules"),
            "{listed}"
        );
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{url}");
    }
}

#[tokio::test]
async fn an_update_command_of_a_submodule_runs_for_a_persons_git_only() {
    let shop = CloneFixture::open().await;
    let inner = shop.path("sub");
    fs::create_dir(&inner).unwrap();
    shop.host_git_in(&inner, &["init", "-q"]);
    fs::write(inner.join("file"), "inner\n").unwrap();
    shop.host_git_in(&inner, &["add", "."]);
    let who = ["-c", "user.name=x", "-c", "user.email=x"];
    shop.host_git_in(&inner, &[&who[..], &["commit", "-qm", "inner"]].concat());
    shop.commit("With a repository in it");
    let trap = format!("[core]\n\tfsmonitor = {}\n", shop.write_canary());
    shop.append("sub/.git/config", &trap);
    shop.host_git(&["status"]);
    assert!(
        shop.take_canary_mark(),
        "the attempt works without the guard"
    );
    let taken = shop.assert_harmless().await;
    assert!(matches!(taken.imported, ImportOutcome::History(_)));
    assert_eq!(shop.checked_out_file("sub/file"), b"inner\n");
}

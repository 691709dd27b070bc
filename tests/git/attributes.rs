//! Attributes and submodules: files of a tree that change how git treats it.

use std::fs;

use eklavya_git::{ExclusionReason, ImportOutcome};

use crate::clone_fixture::CloneFixture;

#[tokio::test]
async fn attributes_change_no_byte_of_the_recorded_files() {
    let fixture = CloneFixture::open().await;
    let canary = fixture.write_canary();
    let config = format!("[filter \"x\"]\n\tclean = {canary}\n\tsmudge = {canary}\n");
    fixture.append(".git/config", &config);
    let everything = "* text eol=crlf ident filter=x working-tree-encoding=UTF-16 export-subst \
        diff=x merge=x -delta linguist-generated\ndocs export-ignore\n[attr]binary2 -diff\n";
    for file in [".gitattributes", "docs/.gitattributes"] {
        fixture.write(file, everything);
    }
    fixture.write("crlf.txt", "a\r\nb\n$Id$ $Format:%an%n$\n");
    fixture.write("utf16.txt", b"\xff\xfea\0");
    let taken = fixture.assert_harmless().await;
    assert_eq!(
        fixture.checked_out_file("crlf.txt"),
        b"a\r\nb\n$Id$ $Format:%an%n$\n"
    );
    assert_eq!(fixture.checked_out_file("$Id$.txt"), b"$Id$\n");
    assert_eq!(fixture.checked_out_file("utf16.txt"), b"\xff\xfea\0");
    assert_eq!(fixture.checked_out_file("docs/b.txt"), b"two\n");
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
        let fixture = CloneFixture::open().await;
        let modules = format!(
            "[submodule \"../../x\"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !{}\n",
            fixture.write_canary()
        );
        fixture.write(".gitmodules", &modules);
        // A tree entry for a commit of another repository, written by plumbing.
        let head = fixture.git(&["rev-parse", "HEAD"]);
        let entry = format!("160000,{head},sub");
        fixture.git(&["update-index", "--add", "--cacheinfo", &entry]);
        fixture.git(&["add", ".gitmodules"]);
        fixture.git(&["commit", "-q", "-m", "With a submodule"]);
        fixture.write("a.txt", "changed\n");
        let taken = fixture.assert_harmless().await;
        let reasons: Vec<_> = taken
            .snapshot
            .left_out
            .iter()
            .map(|out| &out.reason)
            .collect();
        assert_eq!(reasons, [&ExclusionReason::Submodules], "{url}");
        let listed = fixture.host_git_in(fixture.repository.path(), &["ls-tree", "-r", "main"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(
            !listed.contains("160000") && !listed.contains(".gitmodules"),
            "{listed}"
        );
        assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n", "{url}");
    }
}

#[tokio::test]
async fn a_program_of_a_nested_repository_runs_for_a_users_git_only() {
    let fixture = CloneFixture::open().await;
    let inner = fixture.path("sub");
    fs::create_dir(&inner).unwrap();
    fixture.host_git_in(&inner, &["init", "-q"]);
    fs::write(inner.join("file"), "inner\n").unwrap();
    fixture.host_git_in(&inner, &["add", "."]);
    let identity = ["-c", "user.name=x", "-c", "user.email=x"];
    fixture.host_git_in(
        &inner,
        &[&identity[..], &["commit", "-qm", "inner"]].concat(),
    );
    fixture.commit("With a repository in it");
    let trap = format!("[core]\n\tfsmonitor = {}\n", fixture.write_canary());
    fixture.append("sub/.git/config", &trap);
    fixture.host_git(&["status"]);
    assert!(
        fixture.take_canary_mark(),
        "the attempt works without the guard"
    );
    let taken = fixture.assert_harmless().await;
    assert!(matches!(taken.imported, ImportOutcome::History(_)));
    assert_eq!(fixture.checked_out_file("sub/file"), b"inner\n");
}

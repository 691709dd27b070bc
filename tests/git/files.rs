//! Names and kinds of files in a work tree.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use eklavya_git::{ExclusionReason, ImportOutcome};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::clone_fixture::CloneFixture;

#[tokio::test]
async fn file_names_of_every_kind_are_recorded_or_reported() {
    let fixture = CloneFixture::open().await;
    let good: [&[u8]; 12] = [
        b"new\nline",
        b"-rf",
        b"--upload-pack=x",
        b":(top)*",
        b"\"quoted\"",
        b"\xff\xfe\x80",
        b"back\\slash",
        b" ",
        b"\x01\x1b[2J\x7f",
        b"e\xcc\x81",
        b"\xe2\x80\xaegpj.exe",
        b"D 'x'",
    ];
    for name in good {
        fs::write(fixture.path("").join(OsStr::from_bytes(name)), name).unwrap();
    }
    for bad in [".GIT", ".git ", "git~1", ".g\u{200c}it", "x/.Git"] {
        fixture.write(&format!("{bad}/config"), "[core]\n");
    }
    let taken = fixture.assert_harmless().await;
    for name in good {
        let out = fixture.outside("out").join(OsStr::from_bytes(name));
        assert_eq!(fs::read(out).unwrap(), name, "{name:?}");
    }
    let left: BTreeSet<&str> = taken
        .snapshot
        .left_out
        .iter()
        .map(|out| out.path.as_str())
        .collect();
    let expected = [".GIT", ".git ", "git~1", ".g\u{200c}it", "x/.Git"];
    assert_eq!(left, expected.into());
}

#[tokio::test]
async fn symbolic_and_hard_links_do_not_leave_the_clone() {
    let fixture = CloneFixture::open().await;
    let other = fixture.outside("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("private"), "of another project").unwrap();
    fs::remove_dir_all(fixture.path("docs")).unwrap();
    symlink(&other, fixture.path("docs")).unwrap();
    symlink("/", fixture.path("root")).unwrap();
    symlink("/etc/passwd", fixture.path("passwd")).unwrap();
    symlink("../../repo.git/config", fixture.path(".gitignore")).unwrap();
    symlink("loop", fixture.path("loop")).unwrap();
    fs::hard_link(fixture.path("a.txt"), fixture.path("same.txt")).unwrap();
    let taken = fixture.assert_harmless().await;
    let listed = fixture.host_git_in(fixture.repository.path(), &["ls-tree", "-r", "main"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.matches("120000").count(), 5, "{listed}");
    let objects = ["cat-file", "--batch", "--batch-all-objects"];
    let objects = fixture
        .host_git_in(fixture.repository.path(), &objects)
        .stdout;
    let objects = String::from_utf8_lossy(&objects).into_owned();
    assert!(!objects.contains("of another project") && !objects.contains("root:x:0"));
    // Two hard links to one file of the clone are two files in the commit.
    assert_eq!(fixture.checked_out_file("same.txt"), b"one\n");
    fs::write(fixture.outside("out/same.txt"), "changed").unwrap();
    assert_eq!(fixture.checked_out_file("a.txt"), b"one\n");
    assert!(taken.snapshot.changed);
    assert_eq!(
        fs::read(other.join("private")).unwrap(),
        b"of another project"
    );
}

#[tokio::test]
async fn pipes_sockets_devices_and_huge_files_do_not_block() {
    let fixture = CloneFixture::open().await;
    let mode = Mode::RUSR | Mode::WUSR;
    for name in ["pipe", ".gitattributes", "docs/.gitignore"] {
        mknodat(CWD, fixture.path(name), FileType::Fifo, mode, 0).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(fixture.path("socket")).unwrap();
    let device = mknodat(
        CWD,
        fixture.path("zero"),
        FileType::CharacterDevice,
        mode,
        makedev(1, 5),
    );
    let sparse = fs::File::create(fixture.path("sparse")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    fixture.write("good.txt", "good\n");
    let begun = Instant::now();
    let taken = fixture.assert_harmless().await;
    assert!(begun.elapsed() < Duration::from_mins(1));
    let out = |path: &str| {
        let all = &taken.snapshot.left_out;
        all.iter()
            .find(|out| out.path == path)
            .map(|out| &out.reason)
    };
    for name in ["pipe", "socket", ".gitattributes", "docs/.gitignore"] {
        assert_eq!(out(name), Some(&ExclusionReason::SpecialFile), "{name}");
    }
    // Only root can create a device.
    if device.is_ok() {
        assert_eq!(out("zero"), Some(&ExclusionReason::SpecialFile));
    }
    assert!(matches!(
        out("sparse"),
        Some(ExclusionReason::TooLarge { .. })
    ));
    assert_eq!(fixture.checked_out_file("good.txt"), b"good\n");
}

#[tokio::test]
async fn ten_thousand_files_and_deep_directories_are_recorded() {
    let fixture = CloneFixture::open().await;
    for number in 0..10_000 {
        fixture.write(
            &format!("many/{}/{number}", number % 100),
            number.to_string(),
        );
    }
    let deep = "d/".repeat(150);
    fixture.write(&format!("{deep}end"), "deep\n");
    fixture.write(&format!("{}end", "e/".repeat(250)), "too deep\n");
    let taken = fixture.assert_harmless().await;
    assert_eq!(fixture.checked_out_file("many/99/9999"), b"9999");
    assert_eq!(fixture.checked_out_file(&format!("{deep}end")), b"deep\n");
    let reasons: Vec<_> = taken
        .snapshot
        .left_out
        .iter()
        .map(|out| &out.reason)
        .collect();
    assert_eq!(reasons, [&ExclusionReason::TooDeep]);
}

#[tokio::test]
async fn a_history_with_a_huge_file_is_discarded_and_other_files_are_kept() {
    let fixture = CloneFixture::open().await;
    let sparse = fs::File::create(fixture.path("zeros")).unwrap();
    sparse.set_len(70 << 20).unwrap();
    fixture.write("good.txt", "good\n");
    fixture.commit("Zeros that pack into nothing");
    let taken = fixture.assert_harmless().await;
    assert!(
        matches!(taken.imported, ImportOutcome::Discarded { .. }),
        "{taken:?}"
    );
    assert_eq!(fixture.checked_out_file("good.txt"), b"good\n");
}

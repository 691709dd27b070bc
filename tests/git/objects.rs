//! The object store of a clone: shared, replaced, damaged or malformed.

use std::fs;
use std::path::Path;

use eklavya_git::{ImportOutcome, ProjectRepository};

use crate::clone_fixture::{CloneFixture, signature};

#[tokio::test]
async fn objects_of_another_project_are_not_imported() {
    let fixture = CloneFixture::open().await;
    let other = fixture.outside("other.git");
    let git = eklavya_git::GitProgram::at(Path::new("/usr/bin/git"))
        .await
        .unwrap();
    let other = ProjectRepository::create(git, &other).await.unwrap();
    let files: [(&str, &[u8]); 1] = [("private", b"of another project")];
    let theirs = other
        .commit_files("main", None, &files, &signature(), "Private")
        .await
        .unwrap();
    let objects = other.path().join("objects").display().to_string();
    fixture.write(".git/objects/info/alternates", objects.clone() + "\n");
    fixture.write(".git/objects/info/http-alternates", objects + "\n");
    let seen = fixture.git(&["show", &format!("{theirs}:private")]);
    assert_eq!(
        seen, "of another project",
        "the attempt works without the guard"
    );
    // A commit with the tree of the other project, and with its commit as the second parent.
    let tree = format!("{theirs}^{{tree}}");
    let parents = ["-p", "HEAD", "-p", theirs.as_str(), "-m", "Stolen"];
    let stolen = fixture.git(&[&["commit-tree", &tree], &parents[..]].concat());
    fixture.git(&["update-ref", "HEAD", &stolen]);
    fixture.write("good.txt", "good\n");
    let taken = fixture.assert_harmless().await;
    assert!(
        !matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    assert_eq!(fixture.checked_out_file("good.txt"), b"good\n");
    let has = ["cat-file", "-e", theirs.as_str()];
    assert!(
        !fixture
            .host_git_in(fixture.repository.path(), &has)
            .status
            .success()
    );
}

#[tokio::test]
async fn replaced_grafted_and_shallow_histories_cannot_hide_the_base() {
    for damage in ["replace", "graft", "shallow"] {
        let fixture = CloneFixture::open().await;
        fixture.write("a.txt", "changed\n");
        fixture.commit("Work");
        let head = fixture.git(&["rev-parse", "HEAD"]);
        let empty = fixture.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let fake = fixture.git(&["commit-tree", &empty, "-m", "Another beginning"]);
        match damage {
            "replace" => {
                fixture.git(&["replace", fixture.base.as_str(), &fake]);
            }
            "graft" => fixture.write(".git/info/grafts", format!("{head} {fake}\n")),
            _ => fixture.write(".git/shallow", format!("{head}\n")),
        }
        fixture.write("good.txt", "good\n");
        let taken = fixture.assert_harmless().await;
        let refs = fixture.refs();
        assert!(
            !refs.iter().any(|name| name.contains("replace")),
            "{refs:?}"
        );
        assert!(
            fixture
                .repository
                .is_ancestor(&fixture.base, &taken.main)
                .await
                .unwrap()
        );
        assert_eq!(fixture.checked_out_file("good.txt"), b"good\n", "{damage}");
        assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n", "{damage}");
    }
}

#[tokio::test]
async fn a_damaged_object_store_loses_the_history_but_no_file() {
    for damage in ["flipped", "missing", "HEAD", "index", "gone"] {
        let fixture = CloneFixture::open().await;
        fixture.write("a.txt", "changed\n");
        fixture.commit("Work");
        let blob = fixture.git(&["rev-parse", "HEAD:a.txt"]);
        let object = fixture.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
        match damage {
            "flipped" => {
                fs::remove_file(&object).unwrap();
                fs::write(&object, b"\x78\x9c not an object").unwrap();
            }
            "missing" => fs::remove_file(&object).unwrap(),
            "HEAD" => fixture.write(".git/HEAD", "ref: refs/heads/../../../x\n"),
            "index" => fixture.write(".git/index", "DIRC\0\0\0\x63"),
            _ => fs::remove_dir_all(fixture.path(".git")).unwrap(),
        }
        fixture.write("good.txt", "good\n");
        let taken = fixture.assert_harmless().await;
        assert_eq!(fixture.checked_out_file("good.txt"), b"good\n", "{damage}");
        assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n", "{damage}");
        let whole = matches!(taken.imported, ImportOutcome::History(_));
        assert_eq!(whole, damage == "index", "{damage}: {:?}", taken.imported);
    }
}

#[tokio::test]
async fn malformed_trees_are_discarded() {
    // Names that lead out of the tree or into `.git`, duplicate names, and unsorted names.
    for names in [
        &[".."][..],
        &[".git"],
        &["a/b"],
        &["a", "a"],
        &["b", "a"],
        &[".GiT"],
    ] {
        let fixture = CloneFixture::open().await;
        let blob = fixture.git(&["rev-parse", "HEAD:a.txt"]);
        let id: Vec<u8> = (0..20)
            .map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let entry = |name: &&str| [b"100644 ", name.as_bytes(), b"\0", &id].concat();
        let raw: Vec<u8> = names.iter().flat_map(entry).collect();
        fs::write(fixture.outside("raw"), raw).unwrap();
        let raw = fixture.outside("raw").display().to_string();
        let tree = fixture.git(&["hash-object", "--literally", "-t", "tree", "-w", &raw]);
        let commit = fixture.git(&["commit-tree", "-p", "HEAD", "-m", "Odd", &tree]);
        fixture.git(&["update-ref", "HEAD", &commit]);
        fixture.write("good.txt", "good\n");
        let taken = fixture.assert_harmless().await;
        let discarded = matches!(taken.imported, ImportOutcome::Discarded { .. });
        assert!(discarded, "{names:?}: {:?}", taken.imported);
        assert_eq!(fixture.checked_out_file("good.txt"), b"good\n", "{names:?}");
    }
}

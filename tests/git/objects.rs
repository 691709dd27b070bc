//! The object store of a clone: shared with others, replaced, damaged, of other kinds.

use std::fs;
use std::path::Path;

use eklavya_git::{ImportOutcome, ProjectRepository};

use crate::shop::{CloneFixture, signature};

#[tokio::test]
async fn objects_of_another_project_stay_there() {
    let shop = CloneFixture::open().await;
    let other = shop.outside("other.git");
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
    shop.write(".git/objects/info/alternates", objects.clone() + "\n");
    shop.write(".git/objects/info/http-alternates", objects + "\n");
    let seen = shop.git(&["show", &format!("{theirs}:private")]);
    assert_eq!(
        seen, "of another project",
        "the attempt works without the guard"
    );
    // On top of our own base, with their tree, and as a second parent.
    let tree = format!("{theirs}^{{tree}}");
    let parents = ["-p", "HEAD", "-p", theirs.as_str(), "-m", "Stolen"];
    let stolen = shop.git(&[&["commit-tree", &tree], &parents[..]].concat());
    shop.git(&["update-ref", "HEAD", &stolen]);
    shop.write("good.txt", "good\n");
    let taken = shop.assert_harmless().await;
    assert!(
        !matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    assert_eq!(shop.checked_out_file("good.txt"), b"good\n");
    let has = ["cat-file", "-e", theirs.as_str()];
    assert!(
        !shop
            .host_git_in(shop.repository.path(), &has)
            .status
            .success()
    );
}

#[tokio::test]
async fn replaced_grafted_and_cut_histories_do_not_deceive() {
    for way in ["replace", "graft", "shallow"] {
        let shop = CloneFixture::open().await;
        shop.write("a.txt", "changed\n");
        shop.commit("Work");
        let head = shop.git(&["rev-parse", "HEAD"]);
        let empty = shop.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let fake = shop.git(&["commit-tree", &empty, "-m", "Another beginning"]);
        match way {
            "replace" => {
                shop.git(&["replace", shop.base.as_str(), &fake]);
            }
            "graft" => shop.write(".git/info/grafts", format!("{head} {fake}\n")),
            _ => shop.write(".git/shallow", format!("{head}\n")),
        }
        shop.write("good.txt", "good\n");
        let taken = shop.assert_harmless().await;
        let refs = shop.refs();
        assert!(
            !refs.iter().any(|name| name.contains("replace")),
            "{refs:?}"
        );
        assert!(
            shop.repository
                .is_ancestor(&shop.base, &taken.main)
                .await
                .unwrap()
        );
        assert_eq!(shop.checked_out_file("good.txt"), b"good\n", "{way}");
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{way}");
    }
}

#[tokio::test]
async fn a_damaged_store_costs_the_history_and_no_file() {
    for way in ["flipped", "missing", "HEAD", "index", "gone"] {
        let shop = CloneFixture::open().await;
        shop.write("a.txt", "changed\n");
        shop.commit("Work");
        let blob = shop.git(&["rev-parse", "HEAD:a.txt"]);
        let object = shop.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
        match way {
            "flipped" => {
                fs::remove_file(&object).unwrap();
                fs::write(&object, b"\x78\x9c not an object").unwrap();
            }
            "missing" => fs::remove_file(&object).unwrap(),
            "HEAD" => shop.write(".git/HEAD", "ref: refs/heads/../../../x\n"),
            "index" => shop.write(".git/index", "DIRC\0\0\0\x63"),
            _ => fs::remove_dir_all(shop.path(".git")).unwrap(),
        }
        shop.write("good.txt", "good\n");
        let taken = shop.assert_harmless().await;
        assert_eq!(shop.checked_out_file("good.txt"), b"good\n", "{way}");
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{way}");
        let whole = matches!(taken.imported, ImportOutcome::History(_));
        assert_eq!(whole, way == "index", "{way}: {:?}", taken.imported);
    }
}

#[tokio::test]
async fn a_tree_that_no_git_writes_does_not_come_in() {
    // Names that lead out of the tree or into `.git`, twice the same, in no order.
    for names in [
        &[".."][..],
        &[".git"],
        &["a/b"],
        &["a", "a"],
        &["b", "a"],
        &[".GiT"],
    ] {
        let shop = CloneFixture::open().await;
        let blob = shop.git(&["rev-parse", "HEAD:a.txt"]);
        let id: Vec<u8> = (0..20)
            .map(|at| u8::from_str_radix(&blob[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let entry = |name: &&str| [b"100644 ", name.as_bytes(), b"\0", &id].concat();
        let raw: Vec<u8> = names.iter().flat_map(entry).collect();
        fs::write(shop.outside("raw"), raw).unwrap();
        let raw = shop.outside("raw").display().to_string();
        let tree = shop.git(&["hash-object", "--literally", "-t", "tree", "-w", &raw]);
        let commit = shop.git(&["commit-tree", "-p", "HEAD", "-m", "Odd", &tree]);
        shop.git(&["update-ref", "HEAD", &commit]);
        shop.write("good.txt", "good\n");
        let taken = shop.assert_harmless().await;
        let discarded = matches!(taken.imported, ImportOutcome::Discarded { .. });
        assert!(discarded, "{names:?}: {:?}", taken.imported);
        assert_eq!(shop.checked_out_file("good.txt"), b"good\n", "{names:?}");
    }
}

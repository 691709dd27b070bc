//! References and extensions of a clone: odd names, other formats, packed ones.

use std::fs;

use eklavya_git::ImportOutcome;

use crate::shop::CloneFixture;

#[tokio::test]
async fn references_of_an_agents_making_stay_in_its_clone() {
    let shop = CloneFixture::open().await;
    shop.write("a.txt", "changed\n");
    shop.commit("Work");
    let head = shop.git(&["rev-parse", "HEAD"]);
    for name in [
        "refs/heads/main",
        "refs/eklavya/fence",
        "refs/eklavya/checkpoints/x",
        "refs/tags/v1.0.0",
        "refs/heads/--upload-pack=x",
        "refs/replace/x",
        "refs/notes/commits",
    ] {
        shop.git(&["update-ref", name, &head]);
    }
    shop.git(&["pack-refs", "--all"]);
    let before = shop.refs();
    let taken = shop.assert_harmless().await;
    assert!(
        matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    let after = shop.refs();
    let new: Vec<&String> = after.difference(&before).collect();
    assert_eq!(new, ["refs/eklavya/agents/one"]);
    assert_eq!(shop.checked_out_file("a.txt"), b"changed\n");
}

#[tokio::test]
async fn a_head_that_is_an_option_is_a_head() {
    let shop = CloneFixture::open().await;
    shop.write("a.txt", "changed\n");
    shop.commit("Work");
    shop.git(&["update-ref", "refs/heads/--output=x", "HEAD"]);
    shop.git(&["symbolic-ref", "HEAD", "refs/heads/--output=x"]);
    let taken = shop.assert_harmless().await;
    assert!(
        matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    assert!(!shop.path("x").exists() && !shop.repository.path().join("x").exists());
}

#[tokio::test]
async fn formats_that_are_not_ours_cost_the_history_and_no_file() {
    for extension in [
        "objectFormat = sha256",
        "refStorage = reftable",
        "partialClone = origin",
        "compatObjectFormat = sha256",
        "nonesuch = true",
    ] {
        let shop = CloneFixture::open().await;
        shop.write("a.txt", "changed\n");
        shop.commit("Work");
        let config = fs::read_to_string(shop.path(".git/config")).unwrap();
        let config = config.replace("repositoryformatversion = 0", "repositoryformatversion = 1");
        let trap = format!(
            "[extensions]\n\t{extension}\n[remote \"origin\"]\n\turl = ext::{} %S\n\tpromisor = true\n",
            shop.write_canary()
        );
        shop.write(".git/config", config + &trap);
        shop.write("good.txt", "good\n");
        shop.assert_harmless().await;
        assert_eq!(shop.checked_out_file("good.txt"), b"good\n", "{extension}");
        assert_eq!(shop.checked_out_file("a.txt"), b"changed\n", "{extension}");
    }
}

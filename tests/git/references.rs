//! References and repository extensions of a clone.

use std::fs;

use eklavya_git::ImportOutcome;

use crate::clone_fixture::CloneFixture;

#[tokio::test]
async fn references_of_an_agent_stay_in_its_clone() {
    let fixture = CloneFixture::open().await;
    fixture.write("a.txt", "changed\n");
    fixture.commit("Work");
    let head = fixture.git(&["rev-parse", "HEAD"]);
    for name in [
        "refs/heads/main",
        "refs/eklavya/fence",
        "refs/eklavya/checkpoints/x",
        "refs/tags/v1.0.0",
        "refs/heads/--upload-pack=x",
        "refs/replace/x",
        "refs/notes/commits",
    ] {
        fixture.git(&["update-ref", name, &head]);
    }
    fixture.git(&["pack-refs", "--all"]);
    let before = fixture.refs();
    let taken = fixture.assert_harmless().await;
    assert!(
        matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    let after = fixture.refs();
    let new: Vec<&String> = after.difference(&before).collect();
    assert_eq!(new, ["refs/eklavya/agents/one"]);
    assert_eq!(fixture.checked_out_file("a.txt"), b"changed\n");
}

#[tokio::test]
async fn a_head_named_like_an_option_is_imported() {
    let fixture = CloneFixture::open().await;
    fixture.write("a.txt", "changed\n");
    fixture.commit("Work");
    fixture.git(&["update-ref", "refs/heads/--output=x", "HEAD"]);
    fixture.git(&["symbolic-ref", "HEAD", "refs/heads/--output=x"]);
    let taken = fixture.assert_harmless().await;
    assert!(
        matches!(taken.imported, ImportOutcome::History(_)),
        "{taken:?}"
    );
    assert!(!fixture.path("x").exists() && !fixture.repository.path().join("x").exists());
}

#[tokio::test]
async fn unsupported_repository_formats_lose_no_file() {
    for extension in [
        "objectFormat = sha256",
        "refStorage = reftable",
        "partialClone = origin",
        "compatObjectFormat = sha256",
        "nonesuch = true",
    ] {
        let fixture = CloneFixture::open().await;
        fixture.write("a.txt", "changed\n");
        fixture.commit("Work");
        let config = fs::read_to_string(fixture.path(".git/config")).unwrap();
        let config = config.replace("repositoryformatversion = 0", "repositoryformatversion = 1");
        let trap = format!(
            "[extensions]\n\t{extension}\n[remote \"origin\"]\n\turl = ext::{} %S\n\tpromisor = true\n",
            fixture.write_canary()
        );
        fixture.write(".git/config", config + &trap);
        fixture.write("good.txt", "good\n");
        fixture.assert_harmless().await;
        assert_eq!(
            fixture.checked_out_file("good.txt"),
            b"good\n",
            "{extension}"
        );
        assert_eq!(
            fixture.checked_out_file("a.txt"),
            b"changed\n",
            "{extension}"
        );
    }
}

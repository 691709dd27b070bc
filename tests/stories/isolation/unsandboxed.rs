//! Working without a sandbox is possible, and always visible.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{RehearsalBuilder, small_plan};

#[test]
fn work_without_a_sandbox_is_shown_everywhere_and_audited() {
    let plan = small_plan();
    let story = StoryProject::with_approved_demo(&plan, &RehearsalBuilder::happy_path(&plan));
    assert_eq!(story.json("project show shop")["sandboxed"], true);
    let built = story.ok("build shop --no-sandbox");
    assert!(
        built.stderr.contains("WITHOUT a sandbox"),
        "{}",
        built.stderr
    );
    for line in [
        "project list",
        "project show shop",
        "status",
        "agents ps --all",
    ] {
        let shown = story.ok(line).stdout;
        assert!(shown.contains("NO SANDBOX"), "{line}: {shown}");
    }
    assert_eq!(story.json("project show shop")["sandboxed"], false);
    assert_eq!(story.agents("T1")[0]["sandboxed"], false);
    assert_eq!(story.agents("demo-1")[0]["sandboxed"], true);
    let noted = story
        .audit()
        .into_iter()
        .any(|entry| entry.details["sandboxed"] == false);
    assert!(noted, "{:#?}", story.audit());
    story.ok("verify shop");
    story.ok("deliver shop");
    let dossier = story.root().join("delivery/dossier.json");
    let dossier: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dossier).unwrap()).unwrap();
    assert_eq!(dossier["sandboxed"], false);
}

//! A recorded run can be played again.

use crate::rehearsal::{Rehearsal, plan};
use crate::story::Story;

fn play(story: &Story, record: &str) {
    for line in [
        format!("plan shop {record}"),
        "plan approve shop --yes".to_owned(),
        format!("demo build shop {record}"),
        "demo approve shop 1 --yes".to_owned(),
        format!("build shop {record}"),
        format!("verify shop {record}"),
        format!("deliver shop {record}"),
    ] {
        story.ok(line.trim());
    }
}

#[test]
fn a_recording_plays_to_the_same_tree() {
    let plan = plan(&[("T1", "developer", &[]), ("T2", "tester", &["T1"])]);
    let first = Story::begun(&Rehearsal::of(&plan));
    play(&first, "--record recording.yaml");
    let recording = std::fs::read_to_string(first.env.path().join("recording.yaml")).unwrap();
    assert!(
        !recording.contains(first.env.path().as_str()),
        "paths of this run are in it"
    );

    let second = Story::begun(&Rehearsal::of(&plan));
    second.env.file("rehearsal.yaml", &recording);
    play(&second, "");
    assert_eq!(first.tree("main"), second.tree("main"));
    let spent = |story: &Story| story.json("budget report shop")["total"]["requests"].clone();
    assert_eq!(spent(&first), spent(&second));
}

//! A recorded run can be replayed.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{RehearsalBuilder, plan_with_tasks};

fn play_story(story: &StoryProject, record: &str) {
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
fn a_replayed_recording_produces_the_same_tree() {
    let plan = plan_with_tasks(&[("T1", "developer", &[]), ("T2", "tester", &["T1"])]);
    let first = StoryProject::with_new_project(&RehearsalBuilder::happy_path(&plan));
    play_story(&first, "--record recording.yaml");
    let recording = std::fs::read_to_string(first.env.path().join("recording.yaml")).unwrap();
    assert!(
        !recording.contains(first.env.path().as_str()),
        "the recording contains paths of this run"
    );

    let second = StoryProject::with_new_project(&RehearsalBuilder::happy_path(&plan));
    second.env.write_file("rehearsal.yaml", &recording);
    play_story(&second, "");
    assert_eq!(first.tree("main"), second.tree("main"));
    let spent =
        |story: &StoryProject| story.json("budget report shop")["total"]["requests"].clone();
    assert_eq!(spent(&first), spent(&second));
}

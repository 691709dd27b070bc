//! The admin steps in while agents are at work.

use serde_json::Value;

use crate::host::{processes_at, until};
use crate::rehearsal::{ANY, Rehearsal, after, bash, says, small_plan};
use crate::story::{Running, Story};

/// T1 notes that it has begun, and thinks for so long before it goes on.
fn slow(seconds: f64) -> Rehearsal {
    Rehearsal::of(&small_plan()).plays(
        "developer",
        "T1",
        ANY,
        [
            bash("echo begun >> site/notes.txt"),
            after(seconds, bash("echo ended >> site/notes.txt")),
            says("Done."),
        ],
    )
}

/// Starts the build and returns once T1 has done its first step.
fn under_way(seconds: f64) -> (Story, Running, String) {
    let story = Story::ready_to_build(&small_plan(), &slow(seconds));
    let build = story.start("build shop");
    let agent = until("T1 has begun", || {
        let agents = story.json("agents ps shop");
        let agent = agents[0]["id"].as_str()?.to_owned();
        let log = story.run(&format!("agents logs {agent}")).stdout;
        log.contains("site/notes.txt").then_some(())?;
        let task = story.task("T1");
        (task["status"] == "running" && begun(&story)).then_some(agent)
    });
    (story, build, agent)
}

/// Whether the file that T1 writes first is there.
fn begun(story: &Story) -> bool {
    let work = std::fs::read_dir(story.root().join("work")).unwrap();
    work.flatten()
        .any(|session| session.path().join("clone/site/notes.txt").exists())
}

#[test]
fn a_pause_keeps_what_agents_did_and_they_go_on_afterwards() {
    let (story, build, agent) = under_way(60.0);
    story.ok("project pause shop");
    let stopped = build.wait().exits(4);
    assert!(
        stopped.stderr.contains("eklavya project resume shop"),
        "{}",
        stopped.stderr
    );
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    assert_eq!(story.status(), "paused");
    assert_eq!(story.task("T1")["status"], "pending");
    let snapshots = story.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/eklavya/checkpoints",
    ]);
    let kept = story.file(snapshots.lines().next().unwrap(), "site/notes.txt");
    assert_eq!(kept, "begun\n");
    assert!(
        story
            .audit()
            .iter()
            .any(|entry| entry.action.contains("checkpoint"))
    );
    let refused = story.run("build shop").exits(4);
    assert!(
        refused.stderr.contains("project resume"),
        "{}",
        refused.stderr
    );

    story.ok("project resume shop");
    story.switch_to(&slow(0.0));
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/notes.txt"), "begun\nended\n");
    let agents = story.agents("T1");
    let second = agents[1]["id"].as_str().unwrap();
    assert_ne!(second, agent);
    assert_eq!(
        story.task("T1")["attempt"],
        1,
        "an interruption is no attempt"
    );
}

#[test]
fn a_killed_agent_leaves_a_question() {
    let (story, build, agent) = under_way(60.0);
    let killed = story.json(&format!("agents kill {}", &agent[..8]));
    assert_eq!(killed[0]["status"], "killed");
    let asked = build.wait().exits(6);
    assert!(
        asked.stderr.contains("was killed") && asked.stderr.contains("tasks retry shop T1"),
        "{}",
        asked.stderr
    );
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    assert_eq!(story.task("T1")["status"], "blocked");
    assert_eq!(story.agents("T1")[0]["status"], "killed");
    // There is nothing left to kill.
    story.run(&format!("agents kill {agent}")).exits(4);

    story.ok("tasks retry shop T1");
    story.switch_to(&slow(0.0));
    assert_eq!(story.json("build shop")["status"], "built");
    let notes = story.file("main", "site/notes.txt");
    assert!(
        notes.starts_with("begun\n") && notes.ends_with("ended\n"),
        "{notes}"
    );
}

#[test]
fn a_second_command_is_refused_or_waits() {
    let (story, build, _) = under_way(4.0);
    let refused = story.run("build shop").exits(4);
    assert!(refused.stderr.contains("--wait"), "{}", refused.stderr);
    story.run("verify shop").exits(4);
    let verify = story.start("verify shop --wait --output json");
    assert_eq!(build.wait().ok().code, 0);
    let verified: Value = serde_json::from_str(&verify.wait().ok().stdout).unwrap();
    assert_eq!(verified["status"], "verified");
    assert_eq!(story.agents("T1").len(), 1);
}

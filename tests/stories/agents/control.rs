//! The admin intervenes while agents work.

use std::path::PathBuf;

use eklavya_testkit::host::{processes_at, wait_for};
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, delayed_step, say_step, small_plan,
};
use eklavya_testkit::story::{StoryCommand, StoryProject};
use serde_json::Value;

/// Returns a rehearsal in which T1 records that it has started, and waits this long before it
/// continues.
fn slow_rehearsal(seconds: f64) -> RehearsalBuilder {
    RehearsalBuilder::happy_path(&small_plan()).with_answers(
        "developer",
        "T1",
        ANY,
        [
            bash_step("echo begun >> site/notes.txt"),
            delayed_step(seconds, bash_step("echo ended >> site/notes.txt")),
            say_step("Done."),
        ],
    )
}

/// Seconds that are longer than any of these tests takes.
const LONG: f64 = 100.0;

/// Returns a rehearsal in which T1 records that it has started, and waits for the file `go`.
fn held_rehearsal() -> RehearsalBuilder {
    let waits = "echo begun >> site/notes.txt; until test -e go; do sleep 0.1; done; rm go";
    let steps = [bash_step(waits), say_step("Done.")];
    RehearsalBuilder::happy_path(&small_plan()).with_answers("developer", "T1", ANY, steps)
}

/// Starts the build and returns once T1 has done its first step.
fn start_build(rehearsal: &RehearsalBuilder) -> (StoryProject, StoryCommand, String) {
    let story = StoryProject::with_approved_demo(&small_plan(), rehearsal);
    let build = story.start("build shop");
    let agent = wait_for("T1 has begun", || {
        let agents = story.json("agents ps shop");
        let agent = agents[0]["id"].as_str()?.to_owned();
        let log = story.run(&format!("agents logs {agent}")).stdout;
        log.contains("site/notes.txt").then_some(())?;
        let task = story.task("T1");
        (task["status"] == "running" && has_begun(&story)).then_some(agent)
    });
    (story, build, agent)
}

/// Returns whether the file that T1 writes first exists.
fn has_begun(story: &StoryProject) -> bool {
    clone_of_t1(story).is_some()
}

/// Returns the clone of T1 if T1 has started.
fn clone_of_t1(story: &StoryProject) -> Option<PathBuf> {
    let work = std::fs::read_dir(story.root().join("work")).unwrap();
    work.flatten()
        .map(|session| session.path().join("clone"))
        .find(|clone| clone.join("site/notes.txt").exists())
}

#[test]
fn a_pause_keeps_the_work_of_agents_and_a_resume_continues_it() {
    let (story, build, agent) = start_build(&slow_rehearsal(LONG));
    story.ok("project pause shop");
    let stopped = build.wait().assert_exit_code(4);
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
    let refused = story.run("build shop").assert_exit_code(4);
    assert!(
        refused.stderr.contains("project resume"),
        "{}",
        refused.stderr
    );

    story.ok("project resume shop");
    story.set_rehearsal(&slow_rehearsal(0.0));
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/notes.txt"), "begun\nended\n");
    let agents = story.agents("T1");
    let second = agents[1]["id"].as_str().unwrap();
    assert_ne!(second, agent);
    assert_eq!(
        story.task("T1")["attempt"],
        1,
        "an interruption does not count as an attempt"
    );
}

#[test]
fn the_task_of_a_killed_agent_is_blocked_with_a_question() {
    let (story, build, agent) = start_build(&slow_rehearsal(LONG));
    let killed = story.json(&format!("agents kill {}", &agent[..8]));
    assert_eq!(killed[0]["status"], "killed");
    let asked = build.wait().assert_exit_code(6);
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
    // The agent has ended and cannot be killed again.
    story
        .run(&format!("agents kill {agent}"))
        .assert_exit_code(4);

    story.ok("tasks retry shop T1");
    story.set_rehearsal(&slow_rehearsal(0.0));
    assert_eq!(story.json("build shop")["status"], "built");
    let notes = story.file("main", "site/notes.txt");
    assert!(
        notes.starts_with("begun\n") && notes.ends_with("ended\n"),
        "{notes}"
    );
}

#[test]
fn a_second_command_on_a_busy_project_is_refused_or_waits() {
    let (story, build, _) = start_build(&held_rehearsal());
    let refused = story.run("build shop").assert_exit_code(4);
    assert!(refused.stderr.contains("--wait"), "{}", refused.stderr);
    story.run("verify shop").assert_exit_code(4);
    let verify = story.start("verify shop --wait --output json");
    std::fs::write(clone_of_t1(&story).unwrap().join("go"), "").unwrap();
    assert_eq!(build.wait().ok().code, 0);
    let verified: Value = serde_json::from_str(&verify.wait().ok().stdout).unwrap();
    assert_eq!(verified["status"], "verified");
    assert_eq!(story.agents("T1").len(), 1);
}

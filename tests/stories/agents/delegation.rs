//! An orchestrator that delegates its task to spawned agents.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, plan_with_tasks, say_step, tool_step, write_step,
};
use serde_json::{Value, json};

fn spawn_call(role: &str, title: &str) -> Value {
    let input = json!({ "role": role, "title": title, "instructions": format!("Write {title}.") });
    tool_step("mcp__eklavya__spawn_agent", input)
}

/// The tester's test passes only if all tasks that T1 spawned are merged.
#[test]
fn a_dependent_task_waits_for_all_spawned_tasks() {
    let mut plan = plan_with_tasks(&[("T1", "orchestrator", &[]), ("T2", "tester", &["T1"])]);
    plan["tasks"][0]["criteria"] = json!(["C1"]);
    let orchestrator = [
        spawn_call("developer", "one"),
        spawn_call("developer", "two"),
        spawn_call("developer", "one"),
        spawn_call("orchestrator", "three"),
        tool_step(
            "mcp__eklavya__spawn_agent",
            json!({ "role": "pm", "title": "x", "instructions": "x", "criteria": ["C2"] }),
        ),
        say_step("Handed out."),
    ];
    let both = "test -f site/T1.1.html && test -f site/T1.2.html\n";
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("orchestrator", "T1", ANY, orchestrator)
        .with_answers(
            "tester",
            "T2",
            ANY,
            [write_step("tests/T2.sh", both), say_step("Tested.")],
        );
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    assert_eq!(story.json("build shop")["status"], "built");
    let results = story.tool_results("T1", 1);
    let tasks: Vec<bool> = ["T1.1", "T1.2", "T1.1"]
        .iter()
        .zip(&results)
        .map(|(key, (is_error, text))| !is_error && text.contains(key))
        .collect();
    assert_eq!(tasks, [true, true, true], "{results:#?}");
    assert!(results[3].1.contains("cannot be spawned"), "{results:#?}");
    assert!(
        results[4].1.contains("the criteria are: C1"),
        "{results:#?}"
    );
    let files = story.files("main");
    for page in ["site/T1.1.html", "site/T1.2.html", "tests/T2.sh"] {
        assert!(files.contains(&page.to_owned()), "{page}: {files:?}");
    }
    assert_eq!(story.task("T2")["attempt"], 1, "T2 started too early");
    let spawned = story
        .audit()
        .into_iter()
        .filter(|line| line.action == "task.spawn");
    let by_agent = spawned.filter(|line| line.agent.is_some() && line.details["task"] == "T1");
    assert_eq!(by_agent.count(), 2);
    assert!(story.agent_input("T1.1", 1).contains("Write one."));
    assert!(
        story
            .agent_input("T1", 1)
            .contains("mcp__eklavya__spawn_agent")
    );
}

#[test]
fn an_orchestrator_that_spawns_no_agent_is_asked_again() {
    let plan = plan_with_tasks(&[("T1", "orchestrator", &[])]);
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers(
        "orchestrator",
        "T1",
        ANY,
        [say_step("All is there.")],
    );
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    story.ok("build shop");
    assert!(story.agent_input("T1", 2).contains("You spawned no agent"));
}

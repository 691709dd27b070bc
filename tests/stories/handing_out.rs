//! An orchestrator that has others do its task.

use serde_json::{Value, json};

use crate::rehearsal::{ANY, Rehearsal, plan, says, tool, write};
use crate::story::Story;

fn spawn(role: &str, title: &str) -> Value {
    let input = json!({ "role": role, "title": title, "instructions": format!("Write {title}.") });
    tool("mcp__eklavya__spawn_agent", input)
}

/// The tester's file passes only where all that came from T1 is merged.
#[test]
fn what_waits_for_a_task_waits_for_all_that_came_from_it() {
    let mut plan = plan(&[("T1", "orchestrator", &[]), ("T2", "tester", &["T1"])]);
    plan["tasks"][0]["criteria"] = json!(["C1"]);
    let orchestrator = [
        spawn("developer", "one"),
        spawn("developer", "two"),
        spawn("developer", "one"),
        spawn("orchestrator", "three"),
        tool(
            "mcp__eklavya__spawn_agent",
            json!({ "role": "pm", "title": "x", "instructions": "x", "criteria": ["C2"] }),
        ),
        says("Handed out."),
    ];
    let both = "test -f site/T1.1.html && test -f site/T1.2.html\n";
    let rehearsal = Rehearsal::of(&plan)
        .plays("orchestrator", "T1", ANY, orchestrator)
        .plays(
            "tester",
            "T2",
            ANY,
            [write("tests/T2.sh", both), says("Tested.")],
        );
    let story = Story::ready_to_build(&plan, &rehearsal);
    assert_eq!(story.json("build shop")["status"], "built");
    let results = story.results("T1", 1);
    let tasks: Vec<bool> = ["T1.1", "T1.2", "T1.1"]
        .iter()
        .zip(&results)
        .map(|(key, (is_error, text))| !is_error && text.contains(key))
        .collect();
    assert_eq!(tasks, [true, true, true], "{results:#?}");
    assert!(results[3].1.contains("cannot be spawned"), "{results:#?}");
    assert!(results[4].1.contains("those are: C1"), "{results:#?}");
    let files = story.files("main");
    for page in ["site/T1.1.html", "site/T1.2.html", "tests/T2.sh"] {
        assert!(files.contains(&page.to_owned()), "{page}: {files:?}");
    }
    assert_eq!(story.task("T2")["attempt"], 1, "it began too early");
    let spawned = story
        .audit()
        .into_iter()
        .filter(|line| line.action == "task.spawn");
    let by_agent = spawned.filter(|line| line.agent.is_some() && line.details["task"] == "T1");
    assert_eq!(by_agent.count(), 2);
    assert!(story.told("T1.1", 1).contains("Write one."));
    assert!(story.told("T1", 1).contains("mcp__eklavya__spawn_agent"));
}

#[test]
fn an_orchestrator_that_hands_nothing_out_is_asked_once_more() {
    let plan = plan(&[("T1", "orchestrator", &[])]);
    let rehearsal = Rehearsal::of(&plan).plays("orchestrator", "T1", ANY, [says("All is there.")]);
    let story = Story::ready_to_build(&plan, &rehearsal);
    story.ok("build shop");
    assert!(story.told("T1", 2).contains("You spawned no agent"));
}

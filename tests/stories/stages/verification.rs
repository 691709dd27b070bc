//! Criteria that fail at first.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, criteria, say_step, small_plan, tool_step, verdicts, write_step,
};
use serde_json::json;

#[test]
fn a_failed_criterion_is_fixed_and_verified_again() {
    let plan = small_plan();
    // QA passes the criterion but its check fails: the check counts.
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers(
            "developer",
            "T1",
            ANY,
            [write_step("site/index.html", "<h1>bye</h1>\n")],
        )
        .with_answers(
            "developer",
            "fix-1",
            ANY,
            [
                write_step("site/index.html", "<h1>hello again</h1>\n"),
                say_step("It greets again."),
            ],
        );
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    story.ok("build shop");
    assert_eq!(story.json("verify shop")["status"], "verified");
    let input = story.agent_input("fix-1", 1);
    assert!(
        input.contains("The page says hello.") && input.contains("grep hello"),
        "{input}"
    );
    assert!(
        !input.contains("It reads well.") || input.contains("C2"),
        "{input}"
    );
    assert_eq!(story.task("fix-1")["criteria"], json!(["C1"]));
    assert_eq!(
        story.file("main", "site/index.html"),
        "<h1>hello again</h1>\n"
    );
    for task in ["verify-1-qa", "verify-1-uat", "verify-2-qa", "verify-2-uat"] {
        assert_eq!(story.task(task)["status"], "done", "{task}");
    }
    let main = story.git(&["rev-parse", "main"]);
    let evidence: Vec<_> = story
        .audit()
        .into_iter()
        .filter(|entry| entry.action == "evidence.record")
        .collect();
    let of = |round: u64, criterion: &str| {
        let found = evidence
            .iter()
            .find(|e| e.details["round"] == round && e.details["criterion"] == criterion);
        found.unwrap().details.clone()
    };
    assert_eq!(of(1, "C1")["passed"], false);
    assert_eq!(of(1, "C2")["passed"], true);
    for criterion in ["C1", "C2"] {
        assert_eq!(of(2, criterion)["passed"], true);
        assert_eq!(of(2, criterion)["commit"], main.trim());
    }
    assert_eq!(story.json("deliver shop")["status"], "delivered");
}

#[test]
fn a_criterion_that_never_passes_asks_the_admin() {
    let plan = small_plan();
    let ids = criteria(&plan, "review");
    let refuse = || {
        [
            tool_step(
                "Read",
                json!({ "file_path": "{{ clone }}/site/index.html" }),
            ),
            verdicts(&ids, false),
        ]
    };
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("uat", "verify-1-uat", ANY, refuse())
        .with_answers("uat", "verify-2-uat", ANY, refuse());
    let story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_VERIFY_ROUNDS", "1");
    story.ok("build shop");
    let asked = story.run("verify shop").assert_exit_code(6);
    assert!(
        asked.stderr.contains("C2") && asked.stderr.contains("tasks retry shop fix-2"),
        "{}",
        asked.stderr
    );
    assert_eq!(story.task("fix-1")["status"], "done");
    assert_eq!(story.task("fix-2")["status"], "blocked");
    story.run("verify shop").assert_exit_code(6);
    story.run("deliver shop").assert_exit_code(4);

    let answer = [
        "tasks",
        "retry",
        "shop",
        "fix-2",
        "--answer",
        "Read it aloud.",
    ];
    let retried = story.run_words(&answer).ok();
    assert!(
        retried.stderr.contains("eklavya verify shop"),
        "{}",
        retried.stderr
    );
    assert_eq!(story.json("verify shop")["status"], "verified");
    assert!(story.agent_input("fix-2", 2).contains("Read it aloud."));
}

//! Criteria that do not hold at first.

use serde_json::json;

use crate::rehearsal::{ANY, Rehearsal, criteria, says, small_plan, tool, verdicts, write};
use crate::story::Story;

#[test]
fn what_fails_verification_is_repaired_and_verified_again() {
    let plan = small_plan();
    // QA says that all is well; the check says otherwise, and it is the check that counts.
    let rehearsal = Rehearsal::of(&plan)
        .plays(
            "developer",
            "T1",
            ANY,
            [write("site/index.html", "<h1>bye</h1>\n")],
        )
        .plays(
            "developer",
            "fix-1",
            ANY,
            [
                write("site/index.html", "<h1>hello again</h1>\n"),
                says("It greets again."),
            ],
        );
    let story = Story::ready_to_build(&plan, &rehearsal);
    story.ok("build shop");
    assert_eq!(story.json("verify shop")["status"], "verified");
    let told = story.told("fix-1", 1);
    assert!(
        told.contains("The page says hello.") && told.contains("grep hello"),
        "{told}"
    );
    assert!(
        !told.contains("It reads well.") || told.contains("C2"),
        "{told}"
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
fn what_never_holds_is_put_before_the_admin() {
    let plan = small_plan();
    let ids = criteria(&plan, "review");
    let refuse = || {
        [
            tool(
                "Read",
                json!({ "file_path": "{{ clone }}/site/index.html" }),
            ),
            verdicts(&ids, false),
        ]
    };
    let rehearsal = Rehearsal::of(&plan)
        .plays("uat", "verify-1-uat", ANY, refuse())
        .plays("uat", "verify-2-uat", ANY, refuse());
    let story = Story::ready_to_build(&plan, &rehearsal).with("EKLAVYA_VERIFY_ROUNDS", "1");
    story.ok("build shop");
    let asked = story.run("verify shop").exits(6);
    assert!(
        asked.stderr.contains("C2") && asked.stderr.contains("tasks retry shop fix-2"),
        "{}",
        asked.stderr
    );
    assert_eq!(story.task("fix-1")["status"], "done");
    assert_eq!(story.task("fix-2")["status"], "blocked");
    story.run("verify shop").exits(6);
    story.run("deliver shop").exits(4);

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
    assert!(story.told("fix-2", 2).contains("Read it aloud."));
}

//! Plans that are rejected, and plans that are invalid.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, say_step, small_plan, structured_step, write_step,
};
use serde_json::{Value, json};

#[test]
fn a_rejected_plan_is_redone_with_the_feedback() {
    let plan = small_plan();
    let mut second = plan.clone();
    second["summary"] = "A page that greets and tells the hours.".into();
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers(
            "pm",
            "plan-2-requirements",
            ANY,
            [write_step("docs/requirements.md", "# Hours too\n")],
        )
        .with_answers(
            "architect",
            "plan-2-architecture",
            ANY,
            [
                write_step("docs/architecture.md", "# Two pages\n"),
                structured_step(second),
            ],
        );
    let story = StoryProject::with_new_project(&rehearsal);
    story.ok("plan shop");
    assert_eq!(
        story.file("main", "docs/architecture.md"),
        "# Architecture\n\nOne page.\n"
    );
    let feedback = "The opening hours are missing.";
    let rejected = story
        .run_words(&["plan", "reject", "shop", "--feedback", feedback])
        .ok();
    assert!(
        rejected.stderr.contains("eklavya plan shop"),
        "{}",
        rejected.stderr
    );
    assert_eq!(story.status(), "planning");
    // No plan can be approved now.
    story.run("plan approve shop --yes").assert_exit_code(4);

    assert_eq!(story.json("plan shop")["status"], "planReview");
    for task in ["plan-2-requirements", "plan-2-architecture"] {
        let input = story.agent_input(task, 1);
        assert!(input.contains(feedback), "input of {task}: {input}");
    }
    let shown = story.json("plan show shop");
    assert_eq!(shown["number"], 2);
    assert_eq!(
        shown["document"]["summary"],
        "A page that greets and tells the hours."
    );
    assert_eq!(story.file("main", "docs/requirements.md"), "# Hours too\n");
    assert_eq!(story.file("main", "docs/architecture.md"), "# Two pages\n");
    story.ok("plan approve shop --yes");
    let decisions = story.json("project show shop")["decisions"].clone();
    let made: Vec<(&str, &str)> = decisions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["subject"].as_str().unwrap(),
                one["decision"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(made, [("plan 1", "rejected"), ("plan 2", "approved")]);
    assert_eq!(decisions[0]["feedback"], feedback);
}

/// Returns the plan of [`small_plan`] after a change.
fn changed_plan(change: impl FnOnce(&mut Value)) -> Value {
    let mut plan = small_plan();
    change(&mut plan);
    plan
}

/// Returns invalid plans, each with a part of the reason that the Architect gets.
fn unusable_plans() -> Vec<(Value, &'static str)> {
    vec![
        (
            changed_plan(|plan| plan["tasks"][0]["dependsOn"] = json!(["T1"])),
            "T1",
        ),
        (
            changed_plan(|plan| {
                let mut second = plan["tasks"][0].clone();
                second["id"] = "T2".into();
                second["dependsOn"] = json!(["T1"]);
                plan["tasks"][0]["dependsOn"] = json!(["T2"]);
                plan["tasks"].as_array_mut().unwrap().push(second);
                plan["milestones"][0]["tasks"] = json!(["T1", "T2"]);
            }),
            "cycle",
        ),
        (
            changed_plan(|plan| plan["tasks"][0]["criteria"] = json!(["C1"])),
            "C2",
        ),
        (
            changed_plan(|plan| plan["tasks"][0]["estimateUsd"] = json!(1000.0)),
            "1000",
        ),
        (
            changed_plan(|plan| plan["tasks"][0]["role"] = json!("wizard")),
            "wizard",
        ),
    ]
}

#[test]
fn invalid_plans_are_returned_with_the_reasons_until_one_is_valid() {
    let bad = unusable_plans();
    let good = small_plan();
    let last = u32::try_from(bad.len()).unwrap() + 2;
    let document = || write_step("docs/architecture.md", "# Architecture\n");
    let mut rehearsal = RehearsalBuilder::happy_path(&good)
        .with_answers(
            "architect",
            "*",
            Some(last - 1),
            [document(), say_step("There is no plan.")],
        )
        .with_answers(
            "architect",
            "*",
            Some(last),
            [document(), structured_step(good.clone())],
        );
    for (attempt, (plan, _)) in (1..).zip(&bad) {
        let steps = [document(), structured_step(plan.clone())];
        rehearsal = rehearsal.with_answers("architect", "*", Some(attempt), steps);
    }
    let story = StoryProject::with_new_project(&rehearsal)
        .with_variable("EKLAVYA_PLAN_ATTEMPTS", &last.to_string());
    assert_eq!(story.json("plan shop")["status"], "planReview");
    for (attempt, (_, reason)) in (2..).zip(&bad) {
        let input = story.agent_input("plan-1-architecture", attempt);
        assert!(
            input.contains("refused") && input.contains(reason),
            "{attempt}: {input}"
        );
    }
    assert_eq!(story.task("plan-1-architecture")["attempt"], last);
    assert_eq!(story.json("plan show shop")["number"], 1);
}

#[test]
fn a_planning_task_that_never_succeeds_is_blocked_until_the_admin_answers() {
    let (bad, reason) = unusable_plans().remove(4);
    let good = small_plan();
    let document = || write_step("docs/architecture.md", "# Architecture\n");
    let rehearsal = RehearsalBuilder::happy_path(&good)
        .with_answers(
            "architect",
            "*",
            Some(1),
            [document(), structured_step(bad.clone())],
        )
        .with_answers(
            "architect",
            "*",
            Some(2),
            [document(), structured_step(bad)],
        );
    let story =
        StoryProject::with_new_project(&rehearsal).with_variable("EKLAVYA_PLAN_ATTEMPTS", "2");
    let asked = story.run("plan shop").assert_exit_code(6);
    assert!(
        asked
            .stderr
            .contains("tasks retry shop plan-1-architecture"),
        "{}",
        asked.stderr
    );
    let task = story.task("plan-1-architecture");
    assert_eq!(task["status"], "blocked");
    assert!(
        task["question"].as_str().unwrap().contains(reason),
        "{task}"
    );
    // A repeated command changes nothing.
    story.run("plan shop").assert_exit_code(6);
    assert_eq!(story.status(), "planning");

    let answer = [
        "tasks",
        "retry",
        "shop",
        "plan-1-architecture",
        "--answer",
        "Wizards are developers.",
    ];
    let retried = story.run_words(&answer).ok();
    assert!(
        retried.stderr.contains("eklavya plan shop"),
        "{}",
        retried.stderr
    );
    assert_eq!(story.json("plan shop")["status"], "planReview");
    let input = story.agent_input("plan-1-architecture", 3);
    assert!(
        input.contains("Wizards are developers.") && input.contains(reason),
        "{input}"
    );
}

//! The example of the documentation: whichever demo is approved, the files of its agents make every
//! check of the plan pass.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use eklavya_claude::schema;
use eklavya_core::agent::role::Role;
use eklavya_core::money::MicroUsd;
use eklavya_core::plan::document::{CriterionCheck, PlanDocument};
use eklavya_core::process::{self, ProcessLimits};
use eklavya_gateway::RehearsalScript;
use eklavya_gateway::rehearsal::step::{ScriptStep, ScriptedToolCall};
use serde::Deserialize;
use serde_json::Value;

const LIMITS: ProcessLimits = ProcessLimits {
    timeout: Duration::from_mins(1),
    output_bytes: 64 * 1024,
};
const BUDGET: MicroUsd = MicroUsd(25_000_000);

fn example_script() -> RehearsalScript {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    RehearsalScript::load(&root.join("examples/rehearsals/coffee-shop.yaml")).unwrap()
}

fn steps_of(script: &RehearsalScript, role: Role, task: &str) -> Vec<ScriptStep> {
    let part = script.find_part(role, task, 1);
    part.unwrap_or_else(|| panic!("no steps for {role} {task}"))
        .steps
        .clone()
}

fn structured_answer(script: &RehearsalScript, role: Role, task: &str) -> Value {
    let steps = steps_of(script, role, task);
    steps.into_iter().find_map(|s| s.structured).unwrap()
}

fn example_plan(script: &RehearsalScript) -> PlanDocument {
    let answer = structured_answer(script, Role::Architect, "plan-1-architecture");
    let reasons = schema::find_violations(schema::plan_schema(), &answer);
    assert!(reasons.is_empty(), "{reasons:?}");
    PlanDocument::deserialize(answer).unwrap()
}

/// Applies a tool call that changes files, as the CLI does.
fn apply_tool_call(tree: &Path, call: &ScriptedToolCall) {
    let text = |name: &str| call.input[name].as_str().unwrap();
    let file = || tree.join(text("file_path").strip_prefix("{{ clone }}/").unwrap());
    match call.name.as_str() {
        "Write" => {
            fs::create_dir_all(file().parent().unwrap()).unwrap();
            fs::write(file(), text("content")).unwrap();
        }
        "Edit" => {
            let before = fs::read_to_string(file()).unwrap();
            let places = before.matches(text("old_string")).count();
            assert_eq!(places, 1, "{}: {:?}", file().display(), call.input);
            fs::write(
                file(),
                before.replace(text("old_string"), text("new_string")),
            )
            .unwrap();
        }
        "Read" => assert!(
            file().is_file(),
            "{} is read before it exists",
            file().display()
        ),
        "Bash" | "Glob" | "mcp__eklavya__run_tests" => {}
        other => panic!("the example calls {other}"),
    }
}

async fn run_check(tree: &Path, command: &str) -> Result<(), String> {
    let mut shell = process::new_command("sh");
    shell.args(["-c", command]).current_dir(tree);
    shell.env("PATH", "/usr/bin:/bin");
    let ran = process::run(shell, b"", LIMITS).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    ran.status.success().then_some(()).ok_or(said)
}

#[test]
fn the_plan_is_valid_and_every_task_has_answers() {
    let script = example_script();
    let plan = example_plan(&script);
    assert_eq!(plan.find_problems(Some(BUDGET)), Vec::<String>::new());
    for task in &plan.tasks {
        steps_of(&script, task.role.parse().unwrap(), &task.id);
    }
    let at_once = plan.tasks.iter().filter(|t| t.depends_on.is_empty());
    assert!(
        at_once.count() >= 2,
        "at least two tasks are built in parallel"
    );
}

#[test]
fn every_criterion_gets_a_verdict() {
    let script = example_script();
    let mut judged: Vec<String> = [(Role::Qa, "verify-1-qa"), (Role::Uat, "verify-1-uat")]
        .into_iter()
        .flat_map(|(role, task)| {
            let answer = structured_answer(&script, role, task);
            let reasons = schema::find_violations(schema::verdict_schema(), &answer);
            assert!(reasons.is_empty(), "{reasons:?}");
            let verdicts = answer["verdicts"].as_array().unwrap().clone();
            verdicts
                .into_iter()
                .map(|verdict| verdict["criterion"].as_str().unwrap().to_owned())
        })
        .collect();
    let mut expected: Vec<String> = example_plan(&script)
        .criteria
        .into_iter()
        .map(|c| c.id)
        .collect();
    judged.sort();
    expected.sort();
    assert_eq!(judged, expected);
}

#[tokio::test]
async fn every_check_passes_when_demo_1_is_approved() {
    build_upon("demo-1").await;
}

#[tokio::test]
async fn every_check_passes_when_demo_2_is_approved() {
    build_upon("demo-2").await;
}

#[tokio::test]
async fn every_check_passes_when_demo_3_is_approved() {
    build_upon("demo-3").await;
}

/// Applies the answers of all agents in order. The tests must pass before each task, as in a merge.
async fn build_upon(demo: &str) {
    let (script, tree) = (example_script(), tempfile::tempdir().unwrap());
    let design = example_plan(&script);
    let brief = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/briefs/coffee-shop.md");
    fs::create_dir(tree.path().join("docs")).unwrap();
    fs::copy(brief, tree.path().join("docs/brief.md")).unwrap();
    let play = |role: Role, task: &str| {
        let steps = steps_of(&script, role, task);
        let calls = steps.iter().flat_map(|step| &step.tools);
        calls.for_each(|call| apply_tool_call(tree.path(), call));
    };
    play(Role::Pm, "plan-1-requirements");
    play(Role::Architect, "plan-1-architecture");
    play(Role::Developer, demo);
    for task in &design.tasks {
        let green = run_check(tree.path(), &design.test_command).await;
        assert_eq!(green, Ok(()), "before {}", task.id);
        play(task.role.parse().unwrap(), &task.id);
    }
    for criterion in &design.criteria {
        if let CriterionCheck::Command { command } = &criterion.check {
            let green = run_check(tree.path(), command).await;
            assert_eq!(green, Ok(()), "{}", criterion.id);
        }
    }
}

#[test]
fn every_round_of_demos_has_answers() {
    let script = example_script();
    for demo in 4..=12 {
        steps_of(&script, Role::Developer, &format!("demo-{demo}"));
    }
}

#[tokio::test]
async fn every_check_of_the_plan_can_fail() {
    let tree = tempfile::tempdir().unwrap();
    for criterion in example_plan(&example_script()).criteria {
        if let CriterionCheck::Command { command } = &criterion.check {
            let green = run_check(tree.path(), command).await;
            assert!(green.is_err(), "{} passes on an empty tree", criterion.id);
        }
    }
}

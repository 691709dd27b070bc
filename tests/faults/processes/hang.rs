//! Models, agents and shell commands that hang.

use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::ScriptedReply;

/// The seconds of silence after which an agent is ended: longer than the CLI needs to start on a
/// busy machine.
const SILENCE: &str = "20";

fn install_with_short_timeouts(script: &str) -> TestInstall {
    let mut install = TestInstall::new(script);
    install.set_variable("EKLAVYA_AGENTS_SILENCE_SECONDS", SILENCE);
    install.set_variable("EKLAVYA_AGENTS_GRACE_SECONDS", "1");
    install.set_variable("EKLAVYA_AGENTS_RETRIES", "1");
    install
}

#[test]
fn a_silent_model_call_ends_and_the_agent_resumes_its_conversation() {
    let install = install_with_short_timeouts(SCRIPT);
    install.upstream.answer_with(|request| {
        match (request.role.as_str(), request.step, request.again) {
            ("pm", 1, 0) => ScriptedReply::Hang,
            ("architect", 0, 0) => ScriptedReply::HangAfter(2),
            _ => ScriptedReply::Play,
        }
    });
    install.run(STAGES[0]).ok();
    install.assert_no_agent_process();
    let agents = "SELECT role || ' ' || status FROM agents ORDER BY created_at";
    let lost = [
        "pm failed",
        "pm completed",
        "architect failed",
        "architect completed",
    ];
    assert_eq!(install.query_column(agents), lost);
    let conversations = "SELECT CAST(count(DISTINCT session_id) AS TEXT) FROM agents GROUP BY role";
    assert_eq!(install.query_column(conversations), ["1", "1"]);
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn a_frozen_agent_is_killed_with_all_its_processes() {
    let started = "mkdir -p site tests && (setsid sleep 100000 > /dev/null 2>&1 &) &&";
    let install = install_with_short_timeouts(&SCRIPT.replace("mkdir -p site tests &&", started));
    install.run_stages(0..2);
    install.upstream.answer_with(
        |request| match (request.is_step("demo-1", 1), request.again) {
            (true, 0) => ScriptedReply::Hang,
            _ => ScriptedReply::Play,
        },
    );
    let running = install.start(STAGES[2]);
    let request = install
        .upstream
        .wait_for_request(|request| request.is_step("demo-1", 1));
    install.wait_until_recorded(&request);
    assert!(
        install
            .agent_processes()
            .iter()
            .any(|process| process.contains("sleep 100000"))
    );
    install.freeze_agents();
    running.wait().ok();
    install.assert_no_agent_process();
    let agents = "SELECT status FROM agents WHERE role = 'developer' ORDER BY created_at";
    assert_eq!(install.query_column(agents), ["failed", "completed"]);
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn a_hanging_shell_command_is_ended_and_the_agent_continues() {
    let hangs = "      - tools:
          - name: Bash
            input: { command: \"echo x > waits; while true; do sleep 100000; done\", description: hang }
      - tools:
          - name: Bash
            input: { command: \"rm waits; mkdir -p";
    let page = "      - tools:
          - name: Bash
            input: { command: \"mkdir -p";
    assert!(SCRIPT.contains(page));
    let install = install_with_short_timeouts(&SCRIPT.replace(page, hangs));
    install.run_stages(0..3);
    install.assert_no_agent_process();
    let agents = "SELECT status FROM agents WHERE role = 'developer' ORDER BY created_at";
    assert_eq!(install.query_column(agents), ["completed"]);
    install.assert_ledger_equals_bill();
}

#[test]
fn a_task_whose_agents_always_hang_is_blocked_with_a_question() {
    let install = install_with_short_timeouts(SCRIPT);
    install.upstream.answer_with(|request| match request.step {
        1 => ScriptedReply::Hang,
        _ => ScriptedReply::Play,
    });
    let blocked = install.run(STAGES[0]).assert_exit_code(6);
    insta::assert_snapshot!("question", crate::error_lines(&blocked));
    install.assert_no_agent_process();
    assert_eq!(
        install.query_column("SELECT status FROM agents"),
        ["failed", "failed"]
    );
    assert_eq!(
        install.query_column("SELECT key || ' ' || status FROM tasks"),
        ["plan-1-requirements blocked", "plan-1-architecture pending"]
    );

    install.upstream.play_script();
    let answer = [
        "tasks",
        "retry",
        "shop",
        "plan-1-requirements",
        "--answer",
        "Go on",
    ];
    install.run(&answer).ok();
    install.run(STAGES[0]).ok();
    install.assert_ledger_equals_bill();
}

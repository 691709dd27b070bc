//! Ctrl-C: the first ends agents gracefully, the second immediately.

use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::ScriptedReply;
use nix::sys::signal::Signal;

use crate::error_lines;

/// Returns an installation in which the PM has written its document and then waits for an answer
/// that never comes. A resumed PM gets the answer.
fn install_with_held_answer() -> TestInstall {
    let mut install = TestInstall::new(SCRIPT);
    // Far longer than an agent needs to end gracefully on a busy machine.
    install.set_variable("EKLAVYA_AGENTS_GRACE_SECONDS", "120");
    install.upstream.answer_with(|request| {
        match (request.role.as_str(), request.step, request.again) {
            ("pm", 1, 0) => ScriptedReply::Hang,
            _ => ScriptedReply::Play,
        }
    });
    install
}

#[track_caller]
fn assert_resumes(install: &TestInstall) {
    install.run(STAGES[0]).ok();
    let log = install.upstream.requests();
    let pm: Vec<_> = log.iter().filter(|request| request.role == "pm").collect();
    let steps: Vec<usize> = pm.iter().map(|request| request.step).collect();
    assert_eq!(steps, [0, 1, 1], "{pm:#?}");
    assert!(pm.iter().all(|request| request.session == pm[0].session));
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn an_interrupt_keeps_the_work_and_the_same_command_resumes_it() {
    let install = install_with_held_answer();
    let running = install.start(STAGES[0]);
    install
        .upstream
        .wait_for_request(|request| request.role == "pm" && request.step == 1);
    running.signal(Signal::SIGINT);
    let ended = running.wait().assert_exit_code(130);
    insta::assert_snapshot!("interrupted", error_lines(&ended));
    install.assert_no_agent_process();

    let checkpoints = install.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/eklavya/checkpoints/",
    ]);
    let [checkpoint] = checkpoints.lines().collect::<Vec<_>>()[..] else {
        panic!("{checkpoints}");
    };
    let kept = format!("{checkpoint}:docs/requirements.md");
    assert_eq!(
        install.git(&["show", &kept]),
        "# Requirements\n\nA greeting.\n"
    );
    assert_eq!(
        install.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );
    assert_eq!(
        install.query_column("SELECT worker FROM leases WHERE worker IS NOT NULL"),
        [""; 0]
    );
    assert_resumes(&install);
}

#[test]
fn a_second_interrupt_kills_agents_immediately() {
    let mut install = install_with_held_answer();
    // Only the second signal can end the agent before the test times out.
    install.set_variable("EKLAVYA_AGENTS_GRACE_SECONDS", "600");
    let running = install.start(STAGES[0]);
    let request = install
        .upstream
        .wait_for_request(|request| request.role == "pm" && request.step == 1);
    install.wait_until_recorded(&request);
    install.freeze_agents();
    running.signal(Signal::SIGINT);
    assert!(eklavya_testkit::install::running::wait_until(|| running
        .stderr()
        .contains("Interrupt again")));
    running.signal(Signal::SIGINT);
    let ended = running.wait().assert_exit_code(130);
    insta::assert_snapshot!("interrupted", error_lines(&ended));
    install.assert_no_agent_process();
    assert_resumes(&install);
}

//! Ctrl-C: once in good order, twice at once.

use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::ScriptedReply;
use nix::sys::signal::Signal;

use crate::error_lines;

/// The second answer to the PM, after it has written its document, does not come the first time.
fn install_with_held_answer() -> TestInstall {
    let mut studio = TestInstall::new(SCRIPT);
    studio.set_variable("EKLAVYA_AGENTS_GRACE_SECONDS", "20");
    studio.upstream.answer_with(
        |asked| match (asked.role.as_str(), asked.step, asked.again) {
            ("pm", 1, 0) => ScriptedReply::Hang,
            _ => ScriptedReply::Play,
        },
    );
    studio
}

#[track_caller]
fn assert_resumes(studio: &TestInstall) {
    studio.run(STAGES[0]).ok();
    let log = studio.upstream.requests();
    let pm: Vec<_> = log.iter().filter(|asked| asked.role == "pm").collect();
    let steps: Vec<usize> = pm.iter().map(|asked| asked.step).collect();
    assert_eq!(steps, [0, 1, 1], "{pm:#?}");
    assert!(pm.iter().all(|asked| asked.session == pm[0].session));
    studio.assert_ledger_equals_bill();
    studio.assert_nothing_was_done_twice();
}

#[test]
fn once_keeps_the_work_and_the_same_command_goes_on() {
    let studio = install_with_held_answer();
    let running = studio.start(STAGES[0]);
    studio
        .upstream
        .wait_for_request(|asked| asked.role == "pm" && asked.step == 1);
    running.signal(Signal::SIGINT);
    let ended = running.wait().assert_exit_code(130);
    insta::assert_snapshot!("interrupted", error_lines(&ended));
    studio.assert_no_agent_process();

    let checkpoints = studio.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/eklavya/checkpoints/",
    ]);
    let [checkpoint] = checkpoints.lines().collect::<Vec<_>>()[..] else {
        panic!("{checkpoints}");
    };
    let kept = format!("{checkpoint}:docs/requirements.md");
    assert_eq!(
        studio.git(&["show", &kept]),
        "# Requirements\n\nA greeting.\n"
    );
    assert_eq!(
        studio.query_column("SELECT status FROM agents"),
        ["interrupted"]
    );
    assert_eq!(
        studio.query_column("SELECT worker FROM leases WHERE worker IS NOT NULL"),
        [""; 0]
    );
    assert_resumes(&studio);
}

#[test]
fn twice_kills_at_once() {
    let mut studio = install_with_held_answer();
    // Only the second signal can end it in time.
    studio.set_variable("EKLAVYA_AGENTS_GRACE_SECONDS", "600");
    let running = studio.start(STAGES[0]);
    let asked = studio
        .upstream
        .wait_for_request(|asked| asked.role == "pm" && asked.step == 1);
    studio.wait_until_recorded(&asked);
    studio.freeze_agents();
    running.signal(Signal::SIGINT);
    assert!(eklavya_testkit::install::running::wait_until(|| running
        .stderr()
        .contains("Once more")));
    running.signal(Signal::SIGINT);
    let ended = running.wait().assert_exit_code(130);
    insta::assert_snapshot!("interrupted", error_lines(&ended));
    studio.assert_no_agent_process();
    assert_resumes(&studio);
}

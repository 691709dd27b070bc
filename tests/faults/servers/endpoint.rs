//! An endpoint that is busy, refuses the key or the model, or is down.

use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};

use crate::error_lines;

fn busy_reply(status: u16, retry_after: Option<u64>) -> ScriptedReply {
    let header = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
    ScriptedReply::Error(status, header.into_iter().collect(), "wait a little")
}

#[test]
fn a_busy_endpoint_costs_no_attempts_and_no_money() {
    let mut install = TestInstall::new(SCRIPT);
    // The rate limit lasts longer than an agent may be silent, and an agent may be silent longer than
    // the CLI needs to start on a busy machine.
    install.set_variable("EKLAVYA_AGENTS_SILENCE_SECONDS", "20");
    install
        .upstream
        .answer_with(|request: &RecordedRequest| match request {
            RecordedRequest {
                step: 0, again: 0, ..
            } if request.role == "pm" => busy_reply(429, Some(25)),
            RecordedRequest {
                step: 0, again: 1, ..
            } if request.role == "pm" => busy_reply(429, Some(1)),
            RecordedRequest {
                step: 1,
                again: 0 | 1,
                ..
            } if request.role == "pm" => busy_reply(529, None),
            RecordedRequest { again: 0, .. } if request.role == "architect" => {
                busy_reply(529, Some(1))
            }
            _ => ScriptedReply::Play,
        });
    install.run(STAGES[0]).ok();
    let agents = "SELECT role || ' ' || status || ' ' || attempt FROM agents ORDER BY created_at";
    assert_eq!(
        install.query_column(agents),
        ["pm completed 1", "architect completed 1"]
    );
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
}

#[test]
fn an_unusable_endpoint_is_reported_at_once_and_work_resumes_later() {
    let mut install = TestInstall::new(SCRIPT);
    let requests = |install: &TestInstall| install.upstream.requests().len();

    install
        .upstream
        .answer_with(|_| ScriptedReply::Error(401, Vec::new(), "invalid x-api-key"));
    let refused = install.run(STAGES[0]).assert_exit_code(7);
    insta::assert_snapshot!("wrong_key", error_lines(&refused));
    assert_eq!(requests(&install), 1);

    install
        .upstream
        .answer_with(|_| ScriptedReply::Error(404, Vec::new(), "model: claude-sonnet-5-5"));
    let refused = install.run(STAGES[0]).assert_exit_code(7);
    insta::assert_snapshot!("unknown_model", error_lines(&refused));
    assert!(requests(&install) <= 3);

    let url = install.upstream.url.clone();
    install.set_variable("EKLAVYA_MODEL_URL", "http://127.0.0.1:9");
    let refused = install.run(STAGES[0]).assert_exit_code(7);
    insta::assert_snapshot!("endpoint_down", error_lines(&refused));
    let agents = "SELECT status FROM agents";
    assert_eq!(install.query_column(agents), ["failed"; 3]);

    install.set_variable("EKLAVYA_MODEL_URL", &url);
    install.upstream.play_script();
    install.run(STAGES[0]).ok();
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
    assert_eq!(
        install.query_column("SELECT CAST(attempt AS TEXT) FROM tasks"),
        ["1", "1"]
    );
}

#[test]
fn a_cut_answer_is_requested_again_and_booked_at_its_upper_bound() {
    let install = TestInstall::new(SCRIPT);
    install
        .upstream
        .answer_with(|request| match (request.role.as_str(), request.again) {
            ("pm", 0) => ScriptedReply::CutAfter(3),
            ("architect", 0) => ScriptedReply::CutAfter(1),
            _ => ScriptedReply::Play,
        });
    install.run(STAGES[0]).ok();
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
    assert_eq!(
        install.query_column("SELECT CAST(attempt AS TEXT) FROM tasks"),
        ["1", "1"]
    );
}

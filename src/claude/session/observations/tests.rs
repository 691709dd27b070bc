use std::os::unix::process::ExitStatusExt;

use serde_json::{Value, json};

use super::*;
use crate::stream::{StreamEvent, parse_line};

/// Returns the outcome of a run that printed `lines` and exited with `code`.
fn judge(lines: &[Value], cause: Option<StopCause>, code: i32) -> SessionOutcome {
    let mut facts = SessionObservations::default();
    for event in lines
        .iter()
        .flat_map(|line| parse_line(line.to_string().as_bytes()))
    {
        match event {
            StreamEvent::Init(init) => facts.add_init(init),
            StreamEvent::Result(result) => facts.add_result(*result),
            StreamEvent::Denied(denial) => facts.add_denial(denial),
            _ => {}
        }
    }
    if let Some(cause) = cause {
        facts.set_cause(cause);
    }
    facts.into_outcome(Some(ExitStatus::from_raw(code << 8)))
}

fn init() -> Value {
    json!({"type": "system", "subtype": "init", "session_id": "s"})
}

fn success(more: &Value) -> Value {
    let mut line = json!({"type": "result", "subtype": "success", "is_error": false,
        "result": "Done.", "num_turns": 2, "session_id": "s"});
    line.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    line
}

fn reason(outcome: &SessionOutcome) -> &FailureReason {
    match &outcome.end {
        SessionEnd::Failed { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

fn message(outcome: &SessionOutcome) -> &str {
    match &outcome.end {
        SessionEnd::Failed { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_synthetic_error_before_a_result_does_not_fail_the_session() {
    let synthetic = json!({"type": "assistant", "error": "server_error", "is_api_error_message": true,
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "API Error"}]}});
    let outcome = judge(&[init(), synthetic, success(&json!({}))], None, 0);
    assert_eq!(
        outcome.end,
        SessionEnd::Completed {
            text: "Done.".into(),
            structured: None
        }
    );
    assert_eq!(
        (outcome.turns, outcome.session_id.as_deref()),
        (2, Some("s"))
    );
}

#[test]
fn an_api_error_of_subtype_success_is_a_failure() {
    let failure = success(&json!({"is_error": true, "terminal_reason": "api_error",
        "api_error_status": 429, "result": "rate limited"}));
    let outcome = judge(&[init(), failure], None, 1);
    assert_eq!(
        reason(&outcome),
        &FailureReason::ApiError { status: Some(429) }
    );
    assert_eq!(message(&outcome), "rate limited");
}

#[test]
fn the_last_result_counts_and_an_earlier_structured_answer_is_kept() {
    let first = success(&json!({"structured_output": {"n": 1}, "result": "one"}));
    let last = success(&json!({"result": "two"}));
    let outcome = judge(&[init(), first.clone(), init(), last], None, 0);
    let structured = Some(json!({"n": 1}));
    assert_eq!(
        outcome.end,
        SessionEnd::Completed {
            text: "two".into(),
            structured
        }
    );
    let failure = json!({"type": "result", "subtype": "error_max_turns", "is_error": true});
    let outcome = judge(&[init(), first, init(), failure], None, 1);
    assert_eq!(reason(&outcome), &FailureReason::MaxTurns);
}

#[test]
fn each_failure_has_its_reason() {
    let cases = [
        (
            json!({"subtype": "error_max_turns"}),
            FailureReason::MaxTurns,
        ),
        (
            json!({"subtype": "error_max_budget_usd"}),
            FailureReason::BudgetCap,
        ),
        (
            json!({"subtype": "error_max_structured_output_retries"}),
            FailureReason::Schema,
        ),
        (
            json!({"terminal_reason": "prompt_too_long", "api_error_status": 400}),
            FailureReason::ContextFull,
        ),
        (
            json!({"terminal_reason": "image_error", "api_error_status": 413}),
            FailureReason::ApiError { status: Some(413) },
        ),
        (
            json!({"terminal_reason": "api_error", "api_error_status": null}),
            FailureReason::ApiError { status: None },
        ),
        (
            json!({"subtype": "error_during_execution", "errors": ["No conversation found with session ID: x"]}),
            FailureReason::UnknownSession,
        ),
        (
            json!({"subtype": "error_new"}),
            FailureReason::Other("error_new".into()),
        ),
    ];
    for (more, expected) in cases {
        let mut line = success(&more);
        line["is_error"] = true.into();
        assert_eq!(
            reason(&judge(&[init(), line], None, 1)),
            &expected,
            "{more}"
        );
    }
}

#[test]
fn a_result_without_is_error_is_a_failure() {
    let mut line = success(&json!({}));
    line.as_object_mut().unwrap().remove("is_error");
    assert!(matches!(
        judge(&[init(), line], None, 0).end,
        SessionEnd::Failed { .. }
    ));
}

#[test]
fn a_session_without_init_failed_to_start() {
    let outcome = judge(&[], None, 1);
    assert_eq!(reason(&outcome), &FailureReason::StartFailed);
    assert!(
        message(&outcome).contains("exit status: 1"),
        "{}",
        message(&outcome)
    );
    assert_eq!(outcome.session_id, None);
    let outcome = judge(&[success(&json!({}))], None, 0);
    assert_eq!(
        (reason(&outcome), message(&outcome)),
        (&FailureReason::StartFailed, NO_TURN)
    );
}

#[test]
fn a_stopped_session_is_completed_only_if_it_has_a_result() {
    let aborted = json!({"type": "result", "subtype": "error_during_execution", "is_error": true});
    let cases = [
        (StopCause::Interrupt, SessionEnd::Interrupted),
        (StopCause::Kill, SessionEnd::Killed),
        (StopCause::Silence, SessionEnd::Silent),
    ];
    for (cause, expected) in cases {
        let outcome = judge(&[init(), aborted.clone()], Some(cause.clone()), 1);
        assert_eq!(outcome.end, expected);
        let outcome = judge(&[init()], Some(cause.clone()), 143);
        assert_eq!(outcome.end, expected);
        let outcome = judge(&[init(), success(&json!({}))], Some(cause), 0);
        assert!(
            matches!(outcome.end, SessionEnd::Completed { .. }),
            "the work was finished before the stop"
        );
    }
}

#[test]
fn a_denial_reported_twice_is_one_denial() {
    let event = json!({"type": "system", "subtype": "permission_denied", "tool_name": "Write",
        "tool_use_id": "t1", "message": "not allowed"});
    let denied = json!({"permission_denials": [
        {"tool_name": "Write", "tool_use_id": "t1", "tool_input": {"file_path": "/etc/x"}},
        {"tool_name": "Bash", "tool_use_id": "t2", "tool_input": {}},
    ]});
    let outcome = judge(&[init(), event, success(&denied)], None, 0);
    assert_eq!(outcome.denials.len(), 2);
    assert_eq!(outcome.denials[0].input, json!({"file_path": "/etc/x"}));
    assert_eq!(outcome.denials[0].reason.as_deref(), Some("not allowed"));
}

#[test]
fn only_the_end_of_stderr_is_kept() {
    let mut facts = SessionObservations::default();
    for _ in 0..100 {
        facts.add_stderr(&"é".repeat(100));
    }
    facts.add_stderr("the last words");
    assert!(facts.stderr.len() <= STDERR_TAIL_BYTES);
    assert!(facts.stderr.ends_with("the last words\n"));
}

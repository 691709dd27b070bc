//! Programs that fail in ways that the real CLI does not show on demand.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_prints_no_event_is_a_failed_start_with_its_stderr() {
    let mut fixture = SessionFixture::new().await;
    fixture
        .spec
        .extra_env
        .insert("CLAUDE_CODE_TMPDIR".into(), "/proc/nowhere".into());
    fixture
        .spec
        .extra_env
        .insert("TMPDIR".into(), "/proc/nowhere".into());
    let outcome = fixture.run().await.unwrap();
    let SessionEnd::Failed {
        reason: FailureReason::StartFailed,
        message,
    } = &outcome.end
    else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("/proc/nowhere"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_an_error() {
    let mut fixture = SessionFixture::new().await;
    fixture.spec.program = "/nonexistent/claude".into();
    let error = fixture.run().await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/claude"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_that_cannot_be_written_is_an_error() {
    let mut fixture = SessionFixture::new().await;
    fixture.transcript = Some("/dev/full".into());
    fixture.model.push_answers([ScriptedAnswer::text("Done.")]);
    let error = fixture.run().await.unwrap_err();
    assert!(matches!(error, SessionError::Transcript { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_server_that_did_not_start_is_a_failure() {
    let mut fixture = SessionFixture::new().await;
    fixture.offer_tools(Arc::new(CountingToolServer(AtomicUsize::new(0))));
    fixture.replace_cli_with(
        r#"read -r initialize
        echo '{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}'
        read -r prompt
        echo '{"type":"system","subtype":"init","session_id":"s","mcp_servers":[{"name":"eklavya","status":"failed"}]}'
        read -r interrupt
        echo '{"type":"result","subtype":"error_during_execution","is_error":true}'
        cat > /dev/null; exit 1"#,
    );
    let outcome = fixture.run().await.unwrap();
    let SessionEnd::Failed { reason, message } = &outcome.end else {
        panic!("{outcome:?}")
    };
    assert_eq!(*reason, FailureReason::ToolsUnavailable);
    assert_eq!(message, "the CLI reports the tool server eklavya as failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cli_that_ignores_an_interrupt_is_killed_with_its_tree() {
    let mut fixture = SessionFixture::new().await;
    fixture.grace = Duration::from_millis(300);
    fixture.silence = Duration::from_millis(300);
    fixture.replace_cli_with("exec sleep 1000");
    let outcome = fixture.run().await.unwrap();
    assert_eq!(outcome.end, SessionEnd::Silent);
    assert_eq!(fixture.kill_count(), 1);
    assert!(!outcome.exit_status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cli_that_stays_after_its_result_is_killed_and_the_result_counts() {
    let mut fixture = SessionFixture::new().await;
    fixture.grace = Duration::from_millis(300);
    fixture.replace_cli_with(
        r#"echo '{"type":"system","subtype":"init","session_id":"s"}'
        echo '{"type":"result","subtype":"success","is_error":false,"result":"Done."}'
        exec sleep 1000"#,
    );
    let outcome = fixture.run().await.unwrap();
    assert!(matches!(&outcome.end, SessionEnd::Completed { text, .. } if text == "Done."));
    assert_eq!(fixture.kill_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_held_open_by_an_orphan_does_not_hold_up_the_end() {
    let mut fixture = SessionFixture::new().await;
    fixture.replace_cli_with(
        r#"echo '{"type":"system","subtype":"init","session_id":"s"}'
        echo '{"type":"result","subtype":"success","is_error":false,"result":"Done."}'
        sleep 5 &
        exit 0"#,
    );
    let outcome = fixture.run().await.unwrap();
    assert!(
        matches!(outcome.end, SessionEnd::Completed { .. }),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cli_that_does_not_read_answers_is_stopped() {
    let mut fixture = SessionFixture::new().await;
    fixture.replace_cli_with(
        r#"exec yes '{"type":"control_request","request_id":"x","request":{"subtype":"nonsense"}}'"#,
    );
    let outcome = fixture.run().await.unwrap();
    let SessionEnd::Failed { message, .. } = &outcome.end else {
        panic!("{outcome:?}")
    };
    assert_eq!(message, "the CLI stopped reading its input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cli_that_dies_reports_its_last_stderr() {
    let mut fixture = SessionFixture::new().await;
    fixture.replace_cli_with(
        r#"echo '{"type":"system","subtype":"init","session_id":"s"}'
        echo 'not json'; printf '\377\376 half a line'; echo 'out of memory' >&2; exit 137"#,
    );
    let outcome = fixture.run().await.unwrap();
    let SessionEnd::Failed {
        reason: FailureReason::ProcessDied,
        message,
    } = &outcome.end
    else {
        panic!("{outcome:?}")
    };
    assert!(message.contains("out of memory"), "{message}");
    assert!(message.contains("137"), "{message}");
    assert_eq!(outcome.session_id.as_deref(), Some("s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_event_receiver_does_not_stop_the_run() {
    let fixture = SessionFixture::new().await;
    let script = r#"echo '{"type":"system","subtype":"init","session_id":"s"}'
        i=0; while [ $i -lt 3000 ]; do echo '{"type":"x"}'; i=$((i+1)); done
        echo '{"type":"result","subtype":"success","is_error":false}'"#;
    let mut command = eklavya_core::process::new_command("/bin/sh");
    command.arg("-c").arg(script);
    let (events, receiver) = mpsc::channel(1);
    drop(receiver);
    let control = mpsc::channel(1).1;
    let outcome = run_session(command, fixture.session_spec(), events, control)
        .await
        .unwrap();
    assert!(
        matches!(outcome.end, SessionEnd::Completed { .. }),
        "{outcome:?}"
    );
}

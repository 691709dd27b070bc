use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse_single(line: &Value) -> StreamEvent {
    let mut events = parse_line(line.to_string().as_bytes());
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn reads_init() {
    let line = json!({"mcp_servers": [{"name": "eklavya", "status": "connected"}], "session_id": "s",
        "tools": ["Read", 7, "Write"], "subtype": "init", "claude_code_version": "2.1.330",
        "model": "m", "type": "system", "capabilities": ["new"]});
    let expected = TurnInit {
        session_id: "s".into(),
        model: "m".into(),
        tools: vec!["Read".into(), "Write".into()],
        mcp_servers: vec![McpServerStatus {
            name: "eklavya".into(),
            status: "connected".into(),
        }],
        version: "2.1.330".into(),
    };
    assert_eq!(parse_single(&line), StreamEvent::Init(expected));
}

#[test]
fn reads_the_blocks_of_an_answer_in_order() {
    let line = json!({"type": "assistant", "message": {"content": [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "I write."},
        {"type": "tool_use", "id": "t", "name": "Write", "input": {"a": 1}},
    ]}});
    let expected = [
        StreamEvent::Other("assistant/thinking".into()),
        StreamEvent::AssistantText {
            text: "I write.".into(),
            error: None,
        },
        StreamEvent::ToolUse {
            id: "t".into(),
            name: "Write".into(),
            input: json!({"a": 1}),
        },
    ];
    assert_eq!(parse_line(line.to_string().as_bytes()), expected);
}

#[test]
fn distinguishes_a_denial_from_a_failure() {
    let line = |decision: &str| {
        json!({"type": "user", "message": {"content": [
            {"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": [
                {"type": "text", "text": "no"}, {"type": "image"}]}]},
            "tool_result_meta": [{"id": "other", "permission_decision": {"decision": "reject"}},
                {"id": "t", "permission_decision": {"decision": decision,
                    "source": "config", "reason_type": "rule"}}]})
    };
    for (decision, denied) in [("reject", true), ("accept", false)] {
        let content = "no\n[image]".to_owned();
        let expected = StreamEvent::ToolResult {
            id: "t".into(),
            is_error: true,
            denied,
            decided_by: Some("config/rule".into()),
            content,
        };
        assert_eq!(parse_single(&line(decision)), expected);
    }
}

#[test]
fn reads_control_requests_and_responses() {
    let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let line = json!({"type": "control_request", "request_id": "y", "request":
        {"subtype": "mcp_message", "server_name": "eklavya", "message": message}});
    let request = ControlRequest::McpMessage {
        server: "eklavya".into(),
        message,
    };
    assert_eq!(
        parse_single(&line),
        StreamEvent::ControlRequest {
            request_id: "y".into(),
            request
        }
    );
    let line = json!({"type": "control_request", "request_id": "z", "request": {"subtype": "new"}});
    let request = ControlRequest::Unknown("new".into());
    assert_eq!(
        parse_single(&line),
        StreamEvent::ControlRequest {
            request_id: "z".into(),
            request
        }
    );
    let line = json!({"type": "control_response", "response":
        {"subtype": "error", "request_id": "r", "error": "no"}});
    let expected = StreamEvent::ControlResponse {
        request_id: "r".into(),
        error: Some("no".into()),
    };
    assert_eq!(parse_single(&line), expected);
}

#[test]
fn unknown_events_are_kept_by_name() {
    assert_eq!(
        parse_single(&json!({"type": "new"})),
        StreamEvent::Other("new".into())
    );
    let line = json!({"type": "system", "subtype": "status"});
    assert_eq!(
        parse_single(&line),
        StreamEvent::Other("system/status".into())
    );
    assert_eq!(parse_single(&json!({})), StreamEvent::Other(String::new()));
    assert_eq!(
        parse_single(&json!({"type": 7})),
        StreamEvent::Other(String::new())
    );
}

#[test]
fn a_line_that_is_not_an_object_is_kept_as_text() {
    for line in [
        "Error: bad flag",
        "[1]",
        "\"x\"",
        "{\"type\":",
        "null",
        "\u{0}",
    ] {
        assert_eq!(
            parse_line(line.as_bytes()),
            [StreamEvent::NotJson(line.into())]
        );
    }
    assert_eq!(parse_line(b" \r\n"), []);
    let deep = "[".repeat(100_000);
    assert!(
        matches!(&parse_line(deep.as_bytes())[..], [StreamEvent::NotJson(note)] if note.len() == 500)
    );
}

/// Arbitrary JSON that is built from the protocol's own words.
fn odd_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "system",
        "init",
        "assistant",
        "user",
        "result",
        "control_request",
        "control_response",
        "mcp_message",
        "tool_use",
        "tool_result",
        "text",
        "api_retry",
        "permission_denied",
        "t",
    ]);
    let key = prop::sample::select(vec![
        "type",
        "subtype",
        "message",
        "content",
        "id",
        "request",
        "response",
        "tools",
        "mcp_servers",
        "tool_result_meta",
        "permission_decision",
        "decision",
        "is_error",
        "num_turns",
        "permission_denials",
        "errors",
        "attempt",
        "error_status",
        "structured_output",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_line(&line);
    }

    #[test]
    fn arbitrary_json_never_panics(value in odd_json()) {
        parse_line(value.to_string().as_bytes());
    }
}

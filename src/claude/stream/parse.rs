//! Parses lines into events.

use serde_json::Value;

use super::{
    ApiRetry, ControlRequest, McpServerStatus, PermissionDenial, StreamEvent, TurnInit, TurnResult,
};
use crate::stream::turn_result::{array_field, number_field, status_field, string_field};

/// How much of a line that is not JSON is kept, in characters.
const NOTE_CHARS: usize = 500;

/// Returns the events of `line`, in order; one line may have several blocks, or none.
pub fn parse_line(line: &[u8]) -> Vec<StreamEvent> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Vec::new();
    }
    if let Ok(value @ Value::Object(_)) = serde_json::from_slice(line) {
        return parse_object(&value);
    }
    let note = String::from_utf8_lossy(line);
    vec![StreamEvent::NotJson(
        note.chars().take(NOTE_CHARS).collect(),
    )]
}

fn parse_object(line: &Value) -> Vec<StreamEvent> {
    let kind = string_field(line, "type");
    match kind.as_str() {
        "system" => vec![parse_system(line)],
        "assistant" => parse_assistant(line),
        "user" => parse_user(line),
        "result" => vec![StreamEvent::Result(Box::new(TurnResult::from_json(line)))],
        "control_request" => vec![parse_control_request(line)],
        "control_cancel_request" => vec![StreamEvent::ControlCancel {
            request_id: string_field(line, "request_id"),
        }],
        "control_response" => vec![parse_control_response(line)],
        _ => vec![unknown_event(line)],
    }
}

fn unknown_event(line: &Value) -> StreamEvent {
    let (kind, subtype) = (string_field(line, "type"), string_field(line, "subtype"));
    StreamEvent::Other(match subtype.as_str() {
        "" => kind,
        subtype => format!("{kind}/{subtype}"),
    })
}

fn parse_system(line: &Value) -> StreamEvent {
    match string_field(line, "subtype").as_str() {
        "init" => StreamEvent::Init(parse_init(line)),
        "api_retry" => StreamEvent::Retry(ApiRetry {
            attempt: number_field(line, "attempt"),
            max_retries: number_field(line, "max_retries"),
            delay_ms: number_field(line, "retry_delay_ms"),
            status: status_field(line, "error_status"),
            error: string_field(line, "error"),
        }),
        "permission_denied" => StreamEvent::Denied(PermissionDenial::from_json(line)),
        _ => unknown_event(line),
    }
}

fn parse_init(line: &Value) -> TurnInit {
    let server = |server: &Value| McpServerStatus {
        name: string_field(server, "name"),
        status: string_field(server, "status"),
    };
    TurnInit {
        session_id: string_field(line, "session_id"),
        model: string_field(line, "model"),
        tools: array_field(line, "tools")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        mcp_servers: array_field(line, "mcp_servers").map(server).collect(),
        version: string_field(line, "claude_code_version"),
    }
}

fn parse_assistant(line: &Value) -> Vec<StreamEvent> {
    let error = line.get("error").and_then(Value::as_str).map(str::to_owned);
    let message = line.get("message").unwrap_or(&Value::Null);
    if let Some(text) = message.get("content").and_then(Value::as_str) {
        return vec![StreamEvent::AssistantText {
            text: text.to_owned(),
            error,
        }];
    }
    array_field(message, "content")
        .map(|block| match string_field(block, "type").as_str() {
            "text" => StreamEvent::AssistantText {
                text: string_field(block, "text"),
                error: error.clone(),
            },
            "tool_use" => StreamEvent::ToolUse {
                id: string_field(block, "id"),
                name: string_field(block, "name"),
                input: block.get("input").cloned().unwrap_or_default(),
            },
            kind => StreamEvent::Other(format!("assistant/{kind}")),
        })
        .collect()
}

fn parse_user(line: &Value) -> Vec<StreamEvent> {
    let message = line.get("message").unwrap_or(&Value::Null);
    array_field(message, "content")
        .map(|block| match string_field(block, "type").as_str() {
            "tool_result" => parse_tool_result(line, block),
            kind => StreamEvent::Other(format!("user/{kind}")),
        })
        .collect()
}

fn parse_tool_result(line: &Value, block: &Value) -> StreamEvent {
    let id = string_field(block, "tool_use_id");
    let decisions: Vec<&Value> = array_field(line, "tool_result_meta")
        .filter(|meta| string_field(meta, "id") == id)
        .filter_map(|meta| meta.get("permission_decision"))
        .collect();
    let denied = decisions
        .iter()
        .any(|made| string_field(made, "decision") == "reject");
    let decided_by = decisions.last().and_then(|made| format_decision(made));
    StreamEvent::ToolResult {
        id,
        is_error: block
            .get("is_error")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        denied,
        decided_by,
        content: block_text(block),
    }
}

fn format_decision(decision: &Value) -> Option<String> {
    let parts = [
        string_field(decision, "source"),
        string_field(decision, "reason_type"),
    ];
    let known = parts.into_iter().filter(|part| !part.is_empty());
    let known: Vec<String> = known.collect();
    (!known.is_empty()).then(|| known.join("/"))
}

/// Returns the text of a block's `content`: a string, or the text parts of a list.
fn block_text(block: &Value) -> String {
    if let Some(plain) = block.get("content").and_then(Value::as_str) {
        return plain.to_owned();
    }
    let parts: Vec<String> = array_field(block, "content")
        .map(|part| match string_field(part, "type").as_str() {
            "text" => string_field(part, "text"),
            kind => format!("[{kind}]"),
        })
        .collect();
    parts.join("\n")
}

fn parse_control_request(line: &Value) -> StreamEvent {
    let request = line.get("request").unwrap_or(&Value::Null);
    let request = match string_field(request, "subtype").as_str() {
        "mcp_message" => ControlRequest::McpMessage {
            server: string_field(request, "server_name"),
            message: request.get("message").cloned().unwrap_or_default(),
        },
        subtype => ControlRequest::Unknown(subtype.to_owned()),
    };
    StreamEvent::ControlRequest {
        request_id: string_field(line, "request_id"),
        request,
    }
}

fn parse_control_response(line: &Value) -> StreamEvent {
    let response = line.get("response").unwrap_or(&Value::Null);
    let failed = string_field(response, "subtype") == "error";
    StreamEvent::ControlResponse {
        request_id: string_field(response, "request_id"),
        error: failed.then(|| string_field(response, "error")),
    }
}

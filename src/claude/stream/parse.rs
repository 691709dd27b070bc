//! From a line to events.

use serde_json::Value;

use super::result::{items, number, status, text};
use super::{ControlRequest, Denial, Init, McpServer, Retry, RunResult, StreamEvent};

/// How much of a line that is no JSON is kept, in characters.
const NOTE_CHARS: usize = 500;

/// Returns what `line` tells, in order; one line may carry several blocks, or none.
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
    let kind = text(line, "type");
    match kind.as_str() {
        "system" => vec![system(line)],
        "assistant" => assistant(line),
        "user" => user(line),
        "result" => vec![StreamEvent::Result(Box::new(RunResult::read(line)))],
        "control_request" => vec![control_request(line)],
        "control_cancel_request" => vec![StreamEvent::ControlCancel {
            request_id: text(line, "request_id"),
        }],
        "control_response" => vec![control_response(line)],
        _ => vec![other(line)],
    }
}

fn other(line: &Value) -> StreamEvent {
    let (kind, subtype) = (text(line, "type"), text(line, "subtype"));
    StreamEvent::Other(match subtype.as_str() {
        "" => kind,
        subtype => format!("{kind}/{subtype}"),
    })
}

fn system(line: &Value) -> StreamEvent {
    match text(line, "subtype").as_str() {
        "init" => StreamEvent::Init(init(line)),
        "api_retry" => StreamEvent::Retry(Retry {
            attempt: number(line, "attempt"),
            max_retries: number(line, "max_retries"),
            delay_ms: number(line, "retry_delay_ms"),
            status: status(line, "error_status"),
            error: text(line, "error"),
        }),
        "permission_denied" => StreamEvent::Denied(Denial::read(line)),
        _ => other(line),
    }
}

fn init(line: &Value) -> Init {
    let server = |server: &Value| McpServer {
        name: text(server, "name"),
        status: text(server, "status"),
    };
    Init {
        session_id: text(line, "session_id"),
        model: text(line, "model"),
        tools: items(line, "tools")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        mcp_servers: items(line, "mcp_servers").map(server).collect(),
        version: text(line, "claude_code_version"),
    }
}

fn assistant(line: &Value) -> Vec<StreamEvent> {
    let error = line.get("error").and_then(Value::as_str).map(str::to_owned);
    let message = line.get("message").unwrap_or(&Value::Null);
    if let Some(said) = message.get("content").and_then(Value::as_str) {
        return vec![StreamEvent::AssistantText {
            text: said.to_owned(),
            error,
        }];
    }
    items(message, "content")
        .map(|block| match text(block, "type").as_str() {
            "text" => StreamEvent::AssistantText {
                text: text(block, "text"),
                error: error.clone(),
            },
            "tool_use" => StreamEvent::ToolUse {
                id: text(block, "id"),
                name: text(block, "name"),
                input: block.get("input").cloned().unwrap_or_default(),
            },
            kind => StreamEvent::Other(format!("assistant/{kind}")),
        })
        .collect()
}

fn user(line: &Value) -> Vec<StreamEvent> {
    let message = line.get("message").unwrap_or(&Value::Null);
    items(message, "content")
        .map(|block| match text(block, "type").as_str() {
            "tool_result" => tool_result(line, block),
            kind => StreamEvent::Other(format!("user/{kind}")),
        })
        .collect()
}

fn tool_result(line: &Value, block: &Value) -> StreamEvent {
    let id = text(block, "tool_use_id");
    let decisions: Vec<&Value> = items(line, "tool_result_meta")
        .filter(|meta| text(meta, "id") == id)
        .filter_map(|meta| meta.get("permission_decision"))
        .collect();
    let denied = decisions
        .iter()
        .any(|made| text(made, "decision") == "reject");
    let decided_by = decisions.last().and_then(|made| decided_by(made));
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

fn decided_by(decision: &Value) -> Option<String> {
    let parts = [text(decision, "source"), text(decision, "reason_type")];
    let told = parts.into_iter().filter(|part| !part.is_empty());
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join("/"))
}

/// Returns the text of a block's `content`: a string, or the text parts of a list.
fn block_text(block: &Value) -> String {
    if let Some(plain) = block.get("content").and_then(Value::as_str) {
        return plain.to_owned();
    }
    let parts: Vec<String> = items(block, "content")
        .map(|part| match text(part, "type").as_str() {
            "text" => text(part, "text"),
            kind => format!("[{kind}]"),
        })
        .collect();
    parts.join("\n")
}

fn control_request(line: &Value) -> StreamEvent {
    let request = line.get("request").unwrap_or(&Value::Null);
    let request = match text(request, "subtype").as_str() {
        "mcp_message" => ControlRequest::McpMessage {
            server: text(request, "server_name"),
            message: request.get("message").cloned().unwrap_or_default(),
        },
        subtype => ControlRequest::Unknown(subtype.to_owned()),
    };
    StreamEvent::ControlRequest {
        request_id: text(line, "request_id"),
        request,
    }
}

fn control_response(line: &Value) -> StreamEvent {
    let response = line.get("response").unwrap_or(&Value::Null);
    let failed = text(response, "subtype") == "error";
    StreamEvent::ControlResponse {
        request_id: text(response, "request_id"),
        error: failed.then(|| text(response, "error")),
    }
}

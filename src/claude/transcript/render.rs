//! Renders a transcript for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{LineDirection, TranscriptRecord};
use crate::stream::{ApiRetry, StreamEvent, TurnResult, parse_line};
use crate::transcript::printable::{escape_unprintable, first_line_up_to};

/// How much of a tool's result is shown, in characters.
const RESULT_CHARS: usize = 160;
/// How much of a call's key argument is shown, in characters.
const ARGUMENT_CHARS: usize = 120;
/// How much of the prompt is shown, in characters.
const PROMPT_CHARS: usize = 200;

/// The arguments that identify a call best, in order of preference.
const KEY_ARGUMENTS: [&str; 9] = [
    "file_path",
    "notebook_path",
    "command",
    "criterion",
    "pattern",
    "query",
    "url",
    "path",
    "prompt",
];

/// Renders records as lines that are safe to show on a terminal.
#[derive(Debug, Clone)]
pub struct TranscriptRenderer {
    zone: TimeZone,
}

impl TranscriptRenderer {
    /// Returns a renderer that shows times in `zone`.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// Returns the lines of `record`; empty if it has no relevant content.
    pub fn render(&self, record: &TranscriptRecord) -> Vec<String> {
        let entries = match record.direction {
            LineDirection::Out => parse_line(record.line.as_bytes())
                .iter()
                .filter_map(render_event)
                .collect(),
            LineDirection::In => render_prompt(&record.line).into_iter().collect(),
            LineDirection::Err if record.line.trim().is_empty() => Vec::new(),
            LineDirection::Err => vec![new_entry("stderr", escape_unprintable(&record.line))],
            LineDirection::Note => vec![new_entry("note", escape_unprintable(&record.line))],
        };
        entries
            .into_iter()
            .flat_map(|entry| self.format_lines(record.at, &entry))
            .collect()
    }

    fn format_lines(&self, at: Timestamp, entry: &RenderedEntry) -> Vec<String> {
        let time = at
            .to_zoned(self.zone.clone())
            .strftime("%H:%M:%S")
            .to_string();
        let mut lines = Vec::new();
        for (index, text) in entry.text.trim_end().lines().enumerate() {
            lines.push(match index {
                0 => format!("{time} {:<7} {text}", entry.label),
                _ => format!("{:17}{text}", ""),
            });
        }
        lines
    }
}

struct RenderedEntry {
    label: &'static str,
    text: String,
}

fn new_entry(label: &'static str, text: String) -> RenderedEntry {
    RenderedEntry { label, text }
}

fn render_event(event: &StreamEvent) -> Option<RenderedEntry> {
    Some(match event {
        StreamEvent::Init(init) => new_entry(
            "begin",
            escape_unprintable(&format!("{}, conversation {}", init.model, init.session_id)),
        ),
        StreamEvent::AssistantText { text, error } => match error {
            None => new_entry("says", escape_unprintable(text)),
            Some(error) => new_entry("ERROR", escape_unprintable(&format!("{error}: {text}"))),
        },
        StreamEvent::ToolUse { name, input, .. } => {
            new_entry("calls", format_tool_call(name, input))
        }
        StreamEvent::ToolResult {
            is_error,
            denied,
            content,
            ..
        } => new_entry(
            result_label(*is_error, *denied),
            first_line_up_to(content, RESULT_CHARS),
        ),
        StreamEvent::Result(result) => new_entry("end", format_turn_result(result)),
        StreamEvent::Retry(retry) => new_entry("retry", escape_unprintable(&format_retry(retry))),
        StreamEvent::NotJson(line) => new_entry("stdout", escape_unprintable(line)),
        // A denial shows in the tool's result; the rest is internal.
        StreamEvent::Denied(_)
        | StreamEvent::ControlRequest { .. }
        | StreamEvent::ControlCancel { .. }
        | StreamEvent::ControlResponse { .. }
        | StreamEvent::Oversized { .. }
        | StreamEvent::Other(_) => return None,
    })
}

fn format_retry(retry: &ApiRetry) -> String {
    let status = retry.status.map(|status| format!(" ({status})"));
    format!(
        "{} of {} in {} ms: {}{}",
        retry.attempt,
        retry.max_retries,
        retry.delay_ms,
        retry.error,
        status.unwrap_or_default(),
    )
}

fn result_label(is_error: bool, denied: bool) -> &'static str {
    match (is_error, denied) {
        (_, true) => "DENIED",
        (true, false) => "ERROR",
        (false, false) => "answer",
    }
}

fn format_tool_call(name: &str, input: &Value) -> String {
    let key_argument = KEY_ARGUMENTS
        .iter()
        .find_map(|key| input.get(key).and_then(Value::as_str));
    let argument = match key_argument {
        Some(text) => text.to_owned(),
        None if input.as_object().is_none_or(serde_json::Map::is_empty) => String::new(),
        None => input.to_string(),
    };
    format!(
        "{} {}",
        first_line_up_to(name, ARGUMENT_CHARS),
        first_line_up_to(&argument, ARGUMENT_CHARS)
    )
}

fn format_turn_result(result: &TurnResult) -> String {
    let verdict = match (result.is_error, result.terminal_reason.as_deref()) {
        (false, _) => "completed".to_owned(),
        (true, reason) => format!("FAILED ({})", reason.unwrap_or(&result.subtype)),
    };
    let cost = result
        .total_cost_usd
        .map(|usd| format!(", ${usd:.4} so far by the CLI's estimate"));
    let why = if result.is_error {
        result.errors.first().unwrap_or(&result.text)
    } else {
        ""
    };
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(": {}", first_line_up_to(why, RESULT_CHARS))
    };
    let turns = match result.num_turns {
        1 => "1 turn".to_owned(),
        turns => format!("{turns} turns"),
    };
    escape_unprintable(&format!("{verdict}, {turns}{}", cost.unwrap_or_default())) + &why
}

fn render_prompt(line: &str) -> Option<RenderedEntry> {
    let message: Value = serde_json::from_str(line).ok()?;
    let text = message.pointer("/message/content/0/text")?.as_str()?;
    let size = text.chars().count();
    Some(new_entry(
        "prompt",
        format!(
            "{} ({size} characters)",
            first_line_up_to(text, PROMPT_CHARS)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn show(records: &[(LineDirection, Value)]) -> String {
        let renderer = TranscriptRenderer::new(TimeZone::UTC);
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let lines = records.iter().flat_map(|(direction, line)| {
            let line = line
                .as_str()
                .map_or_else(|| line.to_string(), str::to_owned);
            renderer.render(&TranscriptRecord {
                at,
                direction: *direction,
                line,
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn assistant(block: &Value) -> (LineDirection, Value) {
        (
            LineDirection::Out,
            json!({"type": "assistant", "message": {"content": [block]}}),
        )
    }

    fn answer(content: &str, is_error: bool, decision: &str) -> (LineDirection, Value) {
        let block = json!({"type": "tool_result", "tool_use_id": "t", "is_error": is_error, "content": content});
        let meta = json!([{"id": "t", "permission_decision": {"decision": decision}}]);
        let line =
            json!({"type": "user", "message": {"content": [block]}, "tool_result_meta": meta});
        (LineDirection::Out, line)
    }

    #[test]
    fn shows_a_run_readably() {
        let prompt = json!({"type": "user", "message": {"content": [{"type": "text", "text": "Build it.\nWell."}]}});
        let result = json!({"type": "result", "is_error": false, "subtype": "success", "num_turns": 3, "total_cost_usd": 0.01692});
        let text = show(&[
            (LineDirection::In, prompt),
            (
                LineDirection::In,
                json!({"type": "control_response", "response": {}}),
            ),
            (
                LineDirection::Out,
                json!({"type": "system", "subtype": "init", "model": "m", "session_id": "s"}),
            ),
            assistant(&json!({"type": "text", "text": "I will write.\nNow."})),
            assistant(
                &json!({"type": "tool_use", "name": "Write", "input": {"content": "x", "file_path": "docs/a.md"}}),
            ),
            answer("File created\nmore", false, "accept"),
            assistant(&json!({"type": "tool_use", "name": "Odd", "input": {"n": 1}})),
            answer("not allowed", true, "reject"),
            answer("it broke", true, "accept"),
            (
                LineDirection::Out,
                json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 3, "retry_delay_ms": 512.5, "error_status": 429, "error": "rate_limit"}),
            ),
            (LineDirection::Err, json!("a warning")),
            (LineDirection::Note, json!("killing the agent's processes")),
            (LineDirection::Out, result),
        ]);
        insta::assert_snapshot!(text, @r#"
        03:04:05 prompt  Build it. … (15 characters)
        03:04:05 begin   m, conversation s
        03:04:05 says    I will write.
                         Now.
        03:04:05 calls   Write docs/a.md
        03:04:05 answer  File created …
        03:04:05 calls   Odd {"n":1}
        03:04:05 DENIED  not allowed
        03:04:05 ERROR   it broke
        03:04:05 retry   1 of 3 in 512 ms: rate_limit (429)
        03:04:05 stderr  a warning
        03:04:05 note    killing the agent's processes
        03:04:05 end     completed, 3 turns, $0.0169 so far by the CLI's estimate
        "#);
    }

    #[test]
    fn shows_failures_with_their_reason() {
        let synthetic = json!({"type": "assistant", "error": "rate_limit", "message": {"content": [{"type": "text", "text": "API Error"}]}});
        let failed = json!({"type": "result", "subtype": "success", "is_error": true, "terminal_reason": "api_error", "result": "API Error: 402", "num_turns": 1});
        insta::assert_snapshot!(show(&[(LineDirection::Out, synthetic), (LineDirection::Out, failed)]), @r"
        03:04:05 ERROR   rate_limit: API Error
        03:04:05 end     FAILED (api_error), 1 turn: API Error: 402
        ");
    }

    #[test]
    fn hostile_output_cannot_drive_the_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J";
        let text = show(&[
            assistant(&json!({"type": "text", "text": evil})),
            assistant(&json!({"type": "tool_use", "name": evil, "input": {"command": evil}})),
            assistant(&json!({"type": "tool_use", "name": "x", "input": {evil: evil}})),
            answer(evil, true, evil),
            (
                LineDirection::Out,
                json!({"type": "result", "terminal_reason": evil, "errors": [evil]}),
            ),
            (
                LineDirection::Out,
                json!({"type": "system", "subtype": "init", "model": evil}),
            ),
            (
                LineDirection::Out,
                json!({"type": "system", "subtype": "api_retry", "error": evil}),
            ),
            (LineDirection::Out, json!(evil)),
            (LineDirection::Err, json!(evil)),
            (
                LineDirection::In,
                json!({"message": {"content": [{"text": evil}]}}),
            ),
        ]);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
        assert_eq!(text.lines().count(), 10, "{text}");
    }
}

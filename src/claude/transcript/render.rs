//! A transcript for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::safe::{printable, short};
use super::{Direction, Record};
use crate::stream::{RunResult, StreamEvent, parse_line};

/// How much of a tool's answer is shown, in characters.
const RESULT_CHARS: usize = 160;
/// How much of a call's most telling argument is shown, in characters.
const ARGUMENT_CHARS: usize = 120;
/// How much of the prompt is shown, in characters.
const PROMPT_CHARS: usize = 200;

/// The arguments that tell most about a call, best first.
const TELLING: [&str; 9] = [
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

/// Turns records into lines that are safe to show on a terminal.
#[derive(Debug, Clone)]
pub struct Renderer {
    zone: TimeZone,
}

impl Renderer {
    /// Returns a renderer that shows times in `zone`.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// Returns the lines that show `record`; none where it holds nothing of interest.
    pub fn render(&self, record: &Record) -> Vec<String> {
        let entries = match record.direction {
            Direction::Out => parse_line(record.line.as_bytes())
                .iter()
                .filter_map(event)
                .collect(),
            Direction::In => prompt(&record.line).into_iter().collect(),
            Direction::Err if record.line.trim().is_empty() => Vec::new(),
            Direction::Err => vec![entry("stderr", printable(&record.line))],
            Direction::Note => vec![entry("note", printable(&record.line))],
        };
        entries
            .into_iter()
            .flat_map(|entry| self.lines(record.at, &entry))
            .collect()
    }

    fn lines(&self, at: Timestamp, entry: &Entry) -> Vec<String> {
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

struct Entry {
    label: &'static str,
    text: String,
}

fn entry(label: &'static str, text: String) -> Entry {
    Entry { label, text }
}

fn event(event: &StreamEvent) -> Option<Entry> {
    Some(match event {
        StreamEvent::Init(init) => entry(
            "begin",
            printable(&format!("{}, conversation {}", init.model, init.session_id)),
        ),
        StreamEvent::AssistantText { text, error: None } => entry("says", printable(text)),
        StreamEvent::AssistantText {
            text,
            error: Some(error),
        } => entry("ERROR", printable(&format!("{error}: {text}"))),
        StreamEvent::ToolUse { name, input, .. } => entry("calls", call(name, input)),
        StreamEvent::ToolResult {
            is_error,
            denied,
            content,
            ..
        } => entry(
            result_label(*is_error, *denied),
            short(content, RESULT_CHARS),
        ),
        StreamEvent::Result(result) => entry("end", end(result)),
        StreamEvent::Retry(retry) => entry(
            "retry",
            printable(&format!(
                "{} of {} in {} ms: {}{}",
                retry.attempt,
                retry.max_retries,
                retry.delay_ms,
                retry.error,
                retry
                    .status
                    .map(|status| format!(" ({status})"))
                    .unwrap_or_default(),
            )),
        ),
        StreamEvent::NotJson(line) => entry("stdout", printable(line)),
        // A denial shows in the tool's answer; the rest is machinery.
        StreamEvent::Denied(_)
        | StreamEvent::ControlRequest { .. }
        | StreamEvent::ControlCancel { .. }
        | StreamEvent::ControlResponse { .. }
        | StreamEvent::Oversized { .. }
        | StreamEvent::Other(_) => return None,
    })
}

fn result_label(is_error: bool, denied: bool) -> &'static str {
    match (is_error, denied) {
        (_, true) => "DENIED",
        (true, false) => "ERROR",
        (false, false) => "answer",
    }
}

fn call(name: &str, input: &Value) -> String {
    let telling = TELLING
        .iter()
        .find_map(|key| input.get(key).and_then(Value::as_str));
    let argument = match telling {
        Some(text) => text.to_owned(),
        None if input.as_object().is_none_or(serde_json::Map::is_empty) => String::new(),
        None => input.to_string(),
    };
    format!(
        "{} {}",
        short(name, ARGUMENT_CHARS),
        short(&argument, ARGUMENT_CHARS)
    )
}

fn end(result: &RunResult) -> String {
    let verdict = match (result.is_error, result.terminal_reason.as_deref()) {
        (false, _) => "completed".to_owned(),
        (true, reason) => format!("FAILED ({})", reason.unwrap_or(&result.subtype)),
    };
    let cost = result
        .total_cost_usd
        .map(|usd| format!(", ${usd:.4} so far by the CLI's own reckoning"));
    let why = if result.is_error {
        result.errors.first().unwrap_or(&result.text)
    } else {
        ""
    };
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(": {}", short(why, RESULT_CHARS))
    };
    let turns = match result.num_turns {
        1 => "1 turn".to_owned(),
        turns => format!("{turns} turns"),
    };
    printable(&format!("{verdict}, {turns}{}", cost.unwrap_or_default())) + &why
}

fn prompt(line: &str) -> Option<Entry> {
    let message: Value = serde_json::from_str(line).ok()?;
    let text = message.pointer("/message/content/0/text")?.as_str()?;
    let size = text.chars().count();
    Some(entry(
        "prompt",
        format!("{} ({size} characters)", short(text, PROMPT_CHARS)),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn show(records: &[(Direction, Value)]) -> String {
        let renderer = Renderer::new(TimeZone::UTC);
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let lines = records.iter().flat_map(|(direction, line)| {
            let line = line
                .as_str()
                .map_or_else(|| line.to_string(), str::to_owned);
            renderer.render(&Record {
                at,
                direction: *direction,
                line,
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn assistant(block: &Value) -> (Direction, Value) {
        (
            Direction::Out,
            json!({"type": "assistant", "message": {"content": [block]}}),
        )
    }

    fn answer(content: &str, is_error: bool, decision: &str) -> (Direction, Value) {
        let block = json!({"type": "tool_result", "tool_use_id": "t", "is_error": is_error, "content": content});
        let meta = json!([{"id": "t", "permission_decision": {"decision": decision}}]);
        let line =
            json!({"type": "user", "message": {"content": [block]}, "tool_result_meta": meta});
        (Direction::Out, line)
    }

    #[test]
    fn shows_a_run_readably() {
        let prompt = json!({"type": "user", "message": {"content": [{"type": "text", "text": "Build it.\nWell."}]}});
        let result = json!({"type": "result", "is_error": false, "subtype": "success", "num_turns": 3, "total_cost_usd": 0.01692});
        let text = show(&[
            (Direction::In, prompt),
            (
                Direction::In,
                json!({"type": "control_response", "response": {}}),
            ),
            (
                Direction::Out,
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
                Direction::Out,
                json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 3, "retry_delay_ms": 512.5, "error_status": 429, "error": "rate_limit"}),
            ),
            (Direction::Err, json!("a warning")),
            (Direction::Note, json!("the agent's processes are killed")),
            (Direction::Out, result),
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
        03:04:05 note    the agent's processes are killed
        03:04:05 end     completed, 3 turns, $0.0169 so far by the CLI's own reckoning
        "#);
    }

    #[test]
    fn shows_failures_as_such() {
        let synthetic = json!({"type": "assistant", "error": "rate_limit", "message": {"content": [{"type": "text", "text": "API Error"}]}});
        let failed = json!({"type": "result", "subtype": "success", "is_error": true, "terminal_reason": "api_error", "result": "API Error: 402", "num_turns": 1});
        insta::assert_snapshot!(show(&[(Direction::Out, synthetic), (Direction::Out, failed)]), @r"
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
                Direction::Out,
                json!({"type": "result", "terminal_reason": evil, "errors": [evil]}),
            ),
            (
                Direction::Out,
                json!({"type": "system", "subtype": "init", "model": evil}),
            ),
            (
                Direction::Out,
                json!({"type": "system", "subtype": "api_retry", "error": evil}),
            ),
            (Direction::Out, json!(evil)),
            (Direction::Err, json!(evil)),
            (
                Direction::In,
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

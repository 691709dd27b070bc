//! The tool calls of an agent: each is one audit entry with the decision about the call.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::context::error::EngineError;
use crate::context::paths::ProjectPaths;
use eklavya_claude::stream::{PermissionDenial, StreamEvent, parse_line};
use eklavya_claude::transcript::{LineDirection, TranscriptTail};
use eklavya_core::agent::Agent;
use eklavya_core::audit::AuditSanitizer;
use eklavya_services::DataStore;
use eklavya_services::agents;

/// The prefix of the orchestrator's tools.
const OWN_TOOL_PREFIX: &str = "mcp__eklavya__";
/// Parts of the answers of the CLI and of our own server to a call of a tool that is not offered.
const NOT_OFFERED: [&str; 2] = ["No such tool available", "there is no tool"];
/// The most calls that may wait for their answers; only a misbehaving agent makes more.
const MAX_OPEN: usize = 1000;
/// Characters kept of the reason.
const REASON_CHARS: usize = 300;

#[derive(Debug)]
struct PendingToolCall {
    tool: String,
    input: Value,
    refused: Option<String>,
}

/// Turns the events of an agent's stream into audit entries.
#[derive(Debug)]
pub(crate) struct ToolCallAuditor {
    cleaner: AuditSanitizer,
    /// In the order of the calls.
    open: Vec<(String, PendingToolCall)>,
    /// The tools of calls that were recorded as allowed: the end of a turn may report a denial.
    allowed: HashMap<String, String>,
}

impl ToolCallAuditor {
    pub(crate) fn new(cleaner: AuditSanitizer) -> Self {
        Self {
            cleaner,
            open: Vec::new(),
            allowed: HashMap::new(),
        }
    }

    /// Takes the next event and returns the audit entries to record.
    pub(crate) fn record_event(&mut self, event: StreamEvent) -> Vec<Value> {
        match event {
            StreamEvent::ToolUse { id, name, input } => self.record_call(id, name, &input),
            StreamEvent::ToolResult {
                id,
                is_error,
                denied,
                decided_by,
                content,
            } => {
                let not_offered = is_error && self.is_not_offered(&id, &content);
                let refused =
                    (denied || not_offered).then(|| content.chars().take(REASON_CHARS).collect());
                vec![self.record_answer(&id, is_error, refused, decided_by.as_deref())]
            }
            StreamEvent::Denied(denial) => self.record_refusal(denial),
            StreamEvent::Result(result) => result
                .permission_denials
                .into_iter()
                .flat_map(|denial| self.record_refusal(denial))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the calls that were never answered, at the end of the agent.
    pub(crate) fn finish(mut self) -> Vec<Value> {
        self.close_unanswered(0)
    }

    fn record_call(&mut self, id: String, tool: String, input: &Value) -> Vec<Value> {
        let input = self.cleaner.digest_redacted(input);
        let call = PendingToolCall {
            tool,
            input,
            refused: None,
        };
        self.open.push((id, call));
        self.close_unanswered(MAX_OPEN)
    }

    /// Closes the oldest calls as unanswered until `kept` are left.
    fn close_unanswered(&mut self, kept: usize) -> Vec<Value> {
        let excess = self.open.len().saturating_sub(kept);
        let calls = self.open.drain(..excess);
        calls
            .map(|(id, call)| match call.refused {
                Some(reason) => denied_call(&id, &call.tool, &call.input, &reason),
                None => json!({
                    "call": id, "tool": call.tool, "input": call.input, "decision": "none",
                    "why": "the run ended before it was answered",
                }),
            })
            .collect()
    }

    /// Whether the answer states that this tool of ours is not offered to the agent. The answers of
    /// other tools are not trusted here: programs can print the same text.
    fn is_not_offered(&self, id: &str, answer: &str) -> bool {
        let ours = |(open, call): &(String, PendingToolCall)| {
            open == id && call.tool.starts_with(OWN_TOOL_PREFIX)
        };
        self.open.iter().any(ours) && NOT_OFFERED.iter().any(|words| answer.contains(words))
    }

    fn record_answer(
        &mut self,
        id: &str,
        is_error: bool,
        refused: Option<String>,
        decided_by: Option<&str>,
    ) -> Value {
        let place = self.open.iter().position(|(open, _)| open == id);
        let call = place.map(|place| self.open.remove(place).1);
        let (tool, input, known) = match call {
            Some(call) => (call.tool, call.input, call.refused),
            None => (String::new(), Value::Null, None),
        };
        if let Some(reason) = refused.or(known) {
            return denied_call(id, &tool, &input, &reason);
        }
        let details = json!({
            "call": id, "tool": tool, "input": input, "decision": "allowed",
            "why": decided_by, "isError": is_error,
        });
        if self.allowed.len() < MAX_OPEN {
            self.allowed.insert(id.to_owned(), tool);
        }
        details
    }

    /// Takes the denial of a call that is open, or of one that was recorded as allowed.
    fn record_refusal(&mut self, denial: PermissionDenial) -> Vec<Value> {
        let id = denial.tool_use_id;
        let reason = denial.reason.unwrap_or_default();
        let reason: String = reason.chars().take(REASON_CHARS).collect();
        if let Some((_, call)) = self.open.iter_mut().find(|(open, _)| *open == id) {
            call.refused.get_or_insert(reason);
            return Vec::new();
        }
        match self.allowed.remove(&id) {
            Some(tool) => vec![denied_call(&id, &tool, &Value::Null, &reason)],
            None => Vec::new(),
        }
    }
}

fn denied_call(id: &str, tool: &str, input: &Value, reason: &str) -> Value {
    json!({
        "call": id, "tool": tool, "input": input, "decision": "denied", "why": reason,
    })
}

/// Records the calls in the transcript of an agent that its worker did not record before it died.
pub(crate) async fn recover_tool_calls(
    data: &DataStore,
    paths: &ProjectPaths,
    agent: &Agent,
) -> Result<(), EngineError> {
    let path = paths.transcript(agent.id);
    let transcript = match TranscriptTail::open(&path) {
        Ok(transcript) => transcript,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EngineError::io(&path)(error)),
    };
    let auditor = ToolCallAuditor::new(data.sanitizer.clone());
    let made = read_tool_calls(transcript, auditor).map_err(EngineError::io(&path))?;
    if !made.is_empty() {
        agents::record_missing_tool_calls(data, agent.project, agent.id, &made).await?;
    }
    Ok(())
}

fn read_tool_calls(
    mut transcript: TranscriptTail,
    mut calls: ToolCallAuditor,
) -> std::io::Result<Vec<Value>> {
    let mut made = Vec::new();
    loop {
        let records = transcript.read_new()?;
        if records.is_empty() {
            break;
        }
        let output = records
            .iter()
            .filter(|record| record.direction == LineDirection::Out);
        let events = output.flat_map(|record| parse_line(record.line.as_bytes()));
        made.extend(events.flat_map(|event| calls.record_event(event)));
    }
    made.extend(calls.finish());
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eklavya_claude::stream::TurnResult;

    fn used(id: &str) -> StreamEvent {
        StreamEvent::ToolUse {
            id: id.into(),
            name: "Write".into(),
            input: json!({"file_path": "site/a.html", "content": "sk-ant-secret"}),
        }
    }

    fn answered(id: &str, denied: bool) -> StreamEvent {
        StreamEvent::ToolResult {
            id: id.into(),
            is_error: denied,
            denied,
            decided_by: Some("config/rule".into()),
            content: "Permission to use Write has been denied".into(),
        }
    }

    fn refusal(id: &str) -> PermissionDenial {
        PermissionDenial {
            tool: "Write".into(),
            tool_use_id: id.into(),
            input: Value::Null,
            reason: Some("outside".into()),
        }
    }

    fn lines(events: impl IntoIterator<Item = StreamEvent>) -> Vec<Value> {
        let mut calls = ToolCallAuditor::new(AuditSanitizer::default());
        let mut lines = Vec::new();
        for event in events {
            lines.extend(calls.record_event(event));
        }
        lines.extend(calls.finish());
        lines
    }

    #[test]
    fn each_call_is_recorded_once_with_its_decision() {
        let events = [
            used("1"),
            used("2"),
            answered("2", true),
            answered("1", false),
            used("3"),
            StreamEvent::Denied(refusal("3")),
            used("4"),
        ];
        let lines = lines(events);
        let decisions: Vec<_> = lines
            .iter()
            .map(|line| {
                [&line["call"], &line["tool"], &line["decision"]].map(|v| v.as_str().unwrap())
            })
            .collect();
        let expected = [
            ["2", "Write", "denied"],
            ["1", "Write", "allowed"],
            ["3", "Write", "denied"],
            ["4", "Write", "none"],
        ];
        assert_eq!(decisions, expected);
        assert_eq!(lines[0]["why"], "Permission to use Write has been denied");
        assert_eq!(lines[1]["why"], "config/rule");
        assert_eq!(lines[2]["why"], "outside");
        assert_eq!(lines[1]["input"]["preview"]["file_path"], "site/a.html");
        assert!(!json!(lines).to_string().contains("sk-ant"), "{lines:#?}");
    }

    #[test]
    fn a_denial_that_only_the_turn_result_reports_is_recorded() {
        let result = TurnResult {
            permission_denials: vec![refusal("1"), refusal("9")],
            ..TurnResult::default()
        };
        let events = [
            used("1"),
            answered("1", false),
            StreamEvent::Result(Box::new(result)),
        ];
        let lines = lines(events);
        let decisions: Vec<_> = lines.iter().map(|line| &line["decision"]).collect();
        assert_eq!(decisions, ["allowed", "denied"]);
    }

    #[test]
    fn a_call_of_a_tool_that_the_role_lacks_is_recorded_as_denied() {
        let call = |name: &str| StreamEvent::ToolUse {
            id: name.into(),
            name: name.into(),
            input: json!({}),
        };
        let answer = |name: &str| StreamEvent::ToolResult {
            id: name.into(),
            is_error: true,
            denied: false,
            decided_by: None,
            content: format!("<tool_use_error>Error: No such tool available: {name}"),
        };
        let names = ["mcp__eklavya__browser_open", "Bash"];
        let lines = lines(
            names
                .into_iter()
                .flat_map(|name| [call(name), answer(name)]),
        );
        let decisions: Vec<_> = lines.iter().map(|line| &line["decision"]).collect();
        assert_eq!(decisions, ["denied", "allowed"]);
    }

    #[test]
    fn the_number_of_unanswered_calls_in_memory_is_limited() {
        let mut calls = ToolCallAuditor::new(AuditSanitizer::default());
        let recorded: usize = (0..MAX_OPEN + 50)
            .map(|number| calls.record_event(used(&number.to_string())).len())
            .sum();
        assert_eq!((recorded, calls.open.len()), (50, MAX_OPEN));
    }
}

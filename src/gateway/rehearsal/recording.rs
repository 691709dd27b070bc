//! One response while it is being recorded.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::recorder::{RecordingKey, RehearsalRecorder};
use super::step::{ScriptStep, ScriptedToolCall};
use super::template::escape_template;
use crate::api::sse::SseDecoder;
use crate::api::usage::{StreamUsage, usage_of_json};
use crate::door::spec::DoorSpec;
use eklavya_core::redactor::Redactor;

/// Collects a response, as stream events or as one object.
#[derive(Debug)]
pub(crate) struct ResponseRecording {
    recorder: Arc<RehearsalRecorder>,
    key: RecordingKey,
    clone_dir: Option<String>,
    secrets: Vec<SecretString>,
    redactor: Redactor,
    splitter: SseDecoder,
    usage: StreamUsage,
    blocks: Vec<RecordedBlock>,
    step: ScriptStep,
}

#[derive(Debug, Default)]
struct RecordedBlock {
    tool: Option<String>,
    input: Value,
    text: String,
}

impl ResponseRecording {
    /// Starts to record one response. The file contains neither `secrets`, nor what `redactor`
    /// hides, nor the agent's directory.
    pub fn start(
        recorder: Arc<RehearsalRecorder>,
        spec: &DoorSpec,
        secrets: Vec<SecretString>,
        redactor: Redactor,
    ) -> Self {
        let clone_dir = spec.variables.get("clone").filter(|dir| dir.len() > 1);
        Self {
            recorder,
            key: (spec.role, spec.task_key.clone(), spec.attempt),
            clone_dir: clone_dir.cloned(),
            secrets,
            redactor,
            splitter: SseDecoder::default(),
            usage: StreamUsage::default(),
            blocks: Vec::new(),
            step: ScriptStep::default(),
        }
    }

    /// Takes the next chunk of a stream.
    pub fn feed(&mut self, piece: &[u8]) {
        self.usage.feed(piece);
        let blocks = &mut self.blocks;
        self.splitter.feed(piece, |data| {
            if let Ok(event) = serde_json::from_slice::<Value>(data) {
                apply_event(blocks, &event);
            }
        });
        self.step.usage = self.usage.settled().map(Into::into);
    }

    /// Takes a response that is one object.
    pub fn read_json(&mut self, body: &[u8]) {
        let message: Value = serde_json::from_slice(body).unwrap_or_default();
        for content in message["content"].as_array().into_iter().flatten() {
            self.blocks.push(parse_block(content));
        }
        self.step.usage = usage_of_json(body).map(Into::into);
    }

    /// Adds the response to the recording if it is complete.
    pub async fn finish(mut self) {
        for block in std::mem::take(&mut self.blocks) {
            self.add_block(block);
        }
        if self.step.has_content() {
            let (recorder, key, step) = (self.recorder, self.key, self.step);
            let _ = tokio::task::spawn_blocking(move || recorder.add_step(key, step)).await;
        }
    }

    fn add_block(&mut self, block: RecordedBlock) {
        match block.tool {
            None if block.text.is_empty() => {}
            None => {
                let text = self.to_template(&block.text);
                self.step.text.get_or_insert_default().push_str(&text);
            }
            Some(name) => {
                let input = serde_json::from_str(&block.text).unwrap_or(block.input);
                let input = self.value_to_template(input);
                if name == "StructuredOutput" {
                    self.step.structured = Some(input);
                } else if input.is_object() {
                    self.step.tools.push(ScriptedToolCall { name, input });
                }
            }
        }
    }

    /// Returns a text as a template without secrets, in which the agent's directory is a variable.
    fn to_template(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.expose_secret(), "[credential]");
        }
        let text = escape_template(&self.redactor.redact_text(&text));
        match &self.clone_dir {
            Some(dir) => text.replace(dir.as_str(), "{{ clone }}"),
            None => text,
        }
    }

    fn value_to_template(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.to_template(&text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.value_to_template(item))
                .collect(),
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, item)| (key, self.value_to_template(item)))
                    .collect(),
            ),
            other => other,
        }
    }
}

fn apply_event(blocks: &mut Vec<RecordedBlock>, event: &Value) {
    match event["type"].as_str() {
        Some("content_block_start") => blocks.push(parse_block(&event["content_block"])),
        Some("content_block_delta") => {
            let delta = &event["delta"];
            let more = delta["text"]
                .as_str()
                .or_else(|| delta["partial_json"].as_str());
            if let (Some(block), Some(more)) = (blocks.last_mut(), more) {
                block.text.push_str(more);
            }
        }
        _ => {}
    }
}

/// Thinking is not recorded: it cannot be played back without its signature.
fn parse_block(content: &Value) -> RecordedBlock {
    let named = content["name"]
        .as_str()
        .filter(|_| content["type"] == "tool_use");
    RecordedBlock {
        tool: named.map(str::to_owned),
        input: content["input"].clone(),
        text: content["text"].as_str().unwrap_or_default().to_owned(),
    }
}

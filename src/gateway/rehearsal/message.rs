//! A response in the two forms of the Messages API: one JSON object, or a stream of events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::conversation::call_id;
use super::step::ScriptStep;
use super::template::TemplateValues;
use eklavya_core::ledger::TokenUsage;

/// Characters of text or of arguments in one stream event.
const DELTA_CHARACTERS: usize = 400;
/// Bytes of a request or a response that count as one token if a script states no usage.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// A response of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct RehearsedMessage {
    pub model: String,
    /// Content blocks.
    pub blocks: Vec<Value>,
    pub stop_reason: &'static str,
    pub usage: TokenUsage,
}

impl RehearsedMessage {
    /// Returns a response of text alone.
    pub fn from_text(model: &str, text: &str) -> Self {
        let blocks = vec![json!({ "type": "text", "text": text })];
        let usage = TokenUsage::default();
        Self {
            model: model.to_owned(),
            blocks,
            stop_reason: "end_turn",
            usage,
        }
    }

    /// Returns the response of a step, with its variables filled in.
    pub fn from_step(
        step: &ScriptStep,
        position: (u32, usize),
        values: &TemplateValues,
        model: &str,
    ) -> Result<Self, String> {
        let mut message = Self {
            blocks: Vec::new(),
            ..Self::from_text(model, "")
        };
        if let Some(text) = &step.text {
            message
                .blocks
                .push(json!({ "type": "text", "text": values.render_text(text)? }));
        }
        message.push_calls(step, position, values)?;
        if let Some(usage) = step.usage {
            message.usage = usage.into();
        }
        Ok(message)
    }

    /// Adds the tool calls of a step, and its structured result, which is a call as well.
    fn push_calls(
        &mut self,
        step: &ScriptStep,
        (attempt, index): (u32, usize),
        values: &TemplateValues,
    ) -> Result<(), String> {
        let tools = step.tools.iter();
        let calls = tools.map(|tool| (tool.name.as_str(), &tool.input));
        let structured = step.structured.iter();
        let structured = structured.map(|value| ("StructuredOutput", value));
        for (n, (name, input)) in calls.chain(structured).enumerate() {
            let id = call_id(attempt, index, n);
            let input = values.render_value(input)?;
            self.blocks
                .push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
            self.stop_reason = "tool_use";
        }
        Ok(())
    }

    /// Estimates the usage from the sizes of the request and the response if the script states
    /// none.
    pub fn estimate_usage(&mut self, request_bytes: usize) {
        if self.usage == TokenUsage::default() {
            self.usage.input = (request_bytes as u64).div_ceil(BYTES_PER_TOKEN);
            self.usage.output = (self.size() as u64).div_ceil(BYTES_PER_TOKEN).max(1);
        }
    }

    /// Truncates the response if it is longer than `max_tokens`, as the API does: text is
    /// shortened, and incomplete calls are dropped.
    pub fn truncate_to(&mut self, max_tokens: u64) {
        if self.usage.output <= max_tokens {
            return;
        }
        let share = (self.size() as u128) * u128::from(max_tokens) / u128::from(self.usage.output);
        let mut room = usize::try_from(share).unwrap_or(usize::MAX);
        let mut kept = Vec::new();
        for mut block in std::mem::take(&mut self.blocks) {
            let size = block_size(&block);
            if size > room {
                if let Some(text) = block["text"].as_str().filter(|_| room > 0) {
                    block["text"] = text[..text.floor_char_boundary(room)].into();
                    kept.push(block);
                }
                break;
            }
            room -= size;
            kept.push(block);
        }
        self.blocks = kept;
        self.usage.output = max_tokens;
        self.stop_reason = "max_tokens";
    }

    fn size(&self) -> usize {
        self.blocks.iter().map(block_size).sum()
    }

    /// Returns the response as one object.
    pub fn to_json(&self) -> Value {
        let mut usage = self.input_usage();
        usage["output_tokens"] = self.usage.output.into();
        self.add_web_searches(&mut usage);
        self.envelope(&self.blocks, Some(self.stop_reason), &usage)
    }

    /// Returns the response as stream events.
    pub fn to_events(&self) -> Vec<Bytes> {
        let mut usage = self.input_usage();
        usage["output_tokens"] = 1.into();
        let start = self.envelope(&[], None, &usage);
        let mut events = vec![
            encode_event(&json!({ "type": "message_start", "message": start })),
            encode_event(&json!({ "type": "ping" })),
        ];
        for (index, block) in self.blocks.iter().enumerate() {
            push_block_events(index, block, &mut events);
        }
        let mut usage = json!({ "output_tokens": self.usage.output });
        self.add_web_searches(&mut usage);
        let delta = json!({ "stop_reason": self.stop_reason, "stop_sequence": null });
        events.push(encode_event(
            &json!({ "type": "message_delta", "delta": delta, "usage": usage }),
        ));
        events.push(encode_event(&json!({ "type": "message_stop" })));
        events
    }

    fn envelope(&self, blocks: &[Value], stop_reason: Option<&str>, usage: &Value) -> Value {
        json!({
            "id": format!("msg_rh_{:016x}", rand::random::<u64>()), "type": "message",
            "role": "assistant", "model": self.model, "content": blocks,
            "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
        })
    }

    fn input_usage(&self) -> Value {
        let usage = &self.usage;
        json!({
            "input_tokens": usage.input,
            "cache_read_input_tokens": usage.cache_read,
            "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.cache_write_5m,
                "ephemeral_1h_input_tokens": usage.cache_write_1h,
            },
        })
    }

    fn add_web_searches(&self, usage: &mut Value) {
        if self.usage.web_searches > 0 {
            usage["server_tool_use"] = json!({ "web_search_requests": self.usage.web_searches });
        }
    }
}

fn block_size(block: &Value) -> usize {
    let arguments = || block["input"].to_string().len();
    block["text"].as_str().map_or_else(arguments, str::len)
}

fn push_block_events(index: usize, block: &Value, events: &mut Vec<Bytes>) {
    let (start, whole, kind, key) = split_block(block);
    events.push(encode_event(
        &json!({ "type": "content_block_start", "index": index, "content_block": start }),
    ));
    let characters: Vec<char> = whole.chars().collect();
    for piece in characters.chunks(DELTA_CHARACTERS) {
        let piece: String = piece.iter().collect();
        let delta = json!({ "type": kind, key: piece });
        events.push(encode_event(
            &json!({ "type": "content_block_delta", "index": index, "delta": delta }),
        ));
    }
    events.push(encode_event(
        &json!({ "type": "content_block_stop", "index": index }),
    ));
}

/// Returns the empty block that starts the stream of a block, its text or arguments, and the type
/// and key of their deltas.
fn split_block(block: &Value) -> (Value, String, &'static str, &'static str) {
    if let Some(text) = block["text"].as_str() {
        let start = json!({ "type": "text", "text": "" });
        return (start, text.to_owned(), "text_delta", "text");
    }
    let mut start = block.clone();
    start["input"] = json!({});
    let arguments = block["input"].to_string();
    (start, arguments, "input_json_delta", "partial_json")
}

fn encode_event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

//! One step of a script: one response of the model.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use eklavya_core::ledger::TokenUsage;

/// One response of the model, or a fault in its place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct ScriptStep {
    /// The text of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tool calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ScriptedToolCall>,
    /// The structured result that ends the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// The stated usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<StepUsage>,
    /// The delay before the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    /// An HTTP error in place of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ScriptedError>,
    /// Where the response is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<ScriptedCut>,
    /// Whether the response starts and then hangs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<ScriptedHang>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedToolCall {
    /// The tool's name, e.g. `Write`.
    pub name: String,
    pub input: Value,
}

/// The usage that a step states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the kinds are those of TokenUsage")]
pub struct StepUsage {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: u64,
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: u64,
    pub web_searches: u64,
}

impl From<StepUsage> for TokenUsage {
    fn from(usage: StepUsage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write_5m: usage.cache_write_5m,
            cache_write_1h: usage.cache_write_1h,
            web_searches: usage.web_searches,
        }
    }
}

impl From<TokenUsage> for StepUsage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write_5m: usage.cache_write_5m,
            cache_write_1h: usage.cache_write_1h,
            web_searches: usage.web_searches,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScriptedError {
    /// The status, 400 to 599.
    pub status: u16,
    /// The error message.
    #[serde(default)]
    pub message: Option<String>,
    /// The header `retry-after`, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// How often it occurs before the step's response.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Where a response is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScriptedCut {
    /// Number of stream events before the cut.
    #[serde(default)]
    pub after_events: Option<usize>,
    /// Number of bytes before the cut.
    #[serde(default)]
    pub after_bytes: Option<usize>,
    /// How often it is cut before it completes.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Whether a response hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScriptedHang {
    /// Always (true) or never (false).
    Always(bool),
    /// A number of times; then the step's response follows.
    Times(HangTimes),
}

/// How often a response hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangTimes {
    pub times: u32,
}

impl<'de> Deserialize<'de> for ScriptedHang {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScriptedHangVisitor)
    }
}

struct ScriptedHangVisitor;

impl<'de> Visitor<'de> for ScriptedHangVisitor {
    type Value = ScriptedHang;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, or how often: { times: 1 }")
    }

    fn visit_bool<E>(self, always: bool) -> Result<ScriptedHang, E> {
        Ok(ScriptedHang::Always(always))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ScriptedHang, A::Error> {
        HangTimes::deserialize(MapAccessDeserializer::new(map)).map(ScriptedHang::Times)
    }
}

impl ScriptStep {
    /// Whether the step has a response.
    pub(crate) fn has_content(&self) -> bool {
        self.text.is_some() || !self.tools.is_empty() || self.structured.is_some()
    }

    /// How often the error occurs: once before a response, and always without one.
    pub(crate) fn error_times(&self) -> u32 {
        let stated = self.error.as_ref().and_then(|error| error.times);
        stated.unwrap_or(if self.has_content() { 1 } else { u32::MAX })
    }

    /// How often the response hangs.
    pub(crate) fn hang_times(&self) -> u32 {
        match self.hang {
            None | Some(ScriptedHang::Always(false)) => 0,
            Some(ScriptedHang::Always(true)) => u32::MAX,
            Some(ScriptedHang::Times(hang)) => hang.times,
        }
    }

    /// Returns an error if the step is invalid, apart from its templates.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self
            .error
            .as_ref()
            .is_some_and(|e| !(400..=599).contains(&e.status))
        {
            return Err("error.status: an HTTP error is 400 to 599".into());
        }
        if self
            .delay_seconds
            .is_some_and(|delay| !(0.0..=86_400.0).contains(&delay))
        {
            return Err("delaySeconds: 0 to 86400 seconds".into());
        }
        if let Some(cut) = self.cut
            && cut.after_events.is_some() == cut.after_bytes.is_some()
        {
            return Err("cut: either afterEvents or afterBytes is needed".into());
        }
        if self
            .tools
            .iter()
            .any(|tool| tool.name.is_empty() || !tool.input.is_object())
        {
            return Err("tools: each needs a name, and an input that is a mapping".into());
        }
        self.validate_content()
    }

    fn validate_content(&self) -> Result<(), String> {
        let ends = self
            .error
            .as_ref()
            .is_some_and(|error| error.times.is_none())
            || self.hang_times() == u32::MAX;
        if !self.has_content() && !ends {
            return Err(
                "the step has no response: add text, tools or structured (or error or hang without times)"
                    .into(),
            );
        }
        if !self.has_content() && self.cut.is_some() {
            return Err("cut: the step has no response to cut".into());
        }
        Ok(())
    }
}

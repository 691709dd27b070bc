//! One step of a script: one answer of the model.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use eklavya_core::ledger::TokenUsage;

/// One answer of the model, or what happens in place of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct ScriptStep {
    /// What the model says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tools that it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ScriptedToolCall>,
    /// The structured result with which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// What it states to have used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<StepUsage>,
    /// How long it takes before it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    /// An HTTP error in place of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ScriptedError>,
    /// Where the answer breaks off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<ScriptedCut>,
    /// Whether the answer begins and never goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<ScriptedHang>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedToolCall {
    /// The tool's name, e.g. `Write`.
    pub name: String,
    /// Its arguments.
    pub input: Value,
}

/// Tokens that a step states to have used.
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

/// An HTTP error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScriptedError {
    /// The status, 400 to 599.
    pub status: u16,
    /// What it says.
    #[serde(default)]
    pub message: Option<String>,
    /// The header `retry-after`, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// How often it comes before the step's answer does.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Where an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScriptedCut {
    /// After so many events of the stream.
    #[serde(default)]
    pub after_events: Option<usize>,
    /// After so many bytes of the answer.
    #[serde(default)]
    pub after_bytes: Option<usize>,
    /// How often it breaks off before it comes whole.
    #[serde(default)]
    pub times: Option<u32>,
}

/// Whether an answer never goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScriptedHang {
    /// Always, or not at all.
    Always(bool),
    /// So many times; then the step's answer comes.
    Times(HangTimes),
}

/// How often an answer never goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangTimes {
    /// How often.
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
    /// Tells whether there is anything that the model says or does.
    pub fn has_content(&self) -> bool {
        self.text.is_some() || !self.tools.is_empty() || self.structured.is_some()
    }

    /// How often the error comes: once before an answer, and always where there is none.
    pub fn error_times(&self) -> u32 {
        let stated = self.error.as_ref().and_then(|error| error.times);
        stated.unwrap_or(if self.has_content() { 1 } else { u32::MAX })
    }

    /// How often the answer hangs.
    pub fn hang_times(&self) -> u32 {
        match self.hang {
            None | Some(ScriptedHang::Always(false)) => 0,
            Some(ScriptedHang::Always(true)) => u32::MAX,
            Some(ScriptedHang::Times(hang)) => hang.times,
        }
    }

    /// Returns what is wrong with the step, apart from its templates.
    pub fn validate(&self) -> Result<(), String> {
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
                "nothing is answered: add text, tools or structured (or error or hang without times)"
                    .into(),
            );
        }
        if !self.has_content() && self.cut.is_some() {
            return Err("cut: there is no answer that could be cut".into());
        }
        Ok(())
    }
}

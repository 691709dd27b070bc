//! The end of a turn.

use serde_json::Value;

/// A call that a permission rule refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// The tool.
    pub tool: String,
    /// The id of the call.
    pub tool_use_id: String,
    /// The arguments, where the CLI told them; else null.
    pub input: Value,
    /// Why, where the CLI told it.
    pub reason: Option<String>,
}

/// What the CLI said at the end of a turn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunResult {
    /// Whether it failed. This alone decides: a failed request to the model has
    /// `subtype: "success"`. A result that does not say counts as failed.
    pub is_error: bool,
    /// The CLI's own label, e.g. `success` or `error_max_turns`.
    pub subtype: String,
    /// The last text; of a failed request, its message.
    pub text: String,
    /// The answer by the schema. It may be missing even though the turn succeeded.
    pub structured_output: Option<Value>,
    /// The HTTP status of a failed request.
    pub api_error_status: Option<u16>,
    /// Why the turn ended, e.g. `completed`, `api_error`, `aborted_streaming`.
    pub terminal_reason: Option<String>,
    /// The conversation.
    pub session_id: String,
    /// How many answers the model gave.
    pub num_turns: u64,
    /// What the CLI believes all of the conversation has cost so far, in USD; a display value,
    /// the ledger is the truth.
    pub total_cost_usd: Option<f64>,
    /// The calls that were refused.
    pub permission_denials: Vec<Denial>,
    /// What went wrong, in the CLI's words.
    pub errors: Vec<String>,
}

impl RunResult {
    /// Returns the result in `line`, a JSON object of type `result`.
    pub(super) fn read(line: &Value) -> Self {
        Self {
            is_error: line
                .get("is_error")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            subtype: text(line, "subtype"),
            text: text(line, "result"),
            structured_output: line
                .get("structured_output")
                .filter(|value| !value.is_null())
                .cloned(),
            api_error_status: status(line, "api_error_status"),
            terminal_reason: line
                .get("terminal_reason")
                .and_then(Value::as_str)
                .map(str::to_owned),
            session_id: text(line, "session_id"),
            num_turns: number(line, "num_turns"),
            total_cost_usd: line.get("total_cost_usd").and_then(Value::as_f64),
            permission_denials: items(line, "permission_denials")
                .map(Denial::read)
                .collect(),
            errors: items(line, "errors")
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl Denial {
    /// Returns the denial in `value`: an element of `permission_denials` or a
    /// `system/permission_denied` event.
    pub(super) fn read(value: &Value) -> Self {
        Self {
            tool: text(value, "tool_name"),
            tool_use_id: text(value, "tool_use_id"),
            input: value.get("tool_input").cloned().unwrap_or_default(),
            reason: value
                .get("message")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

/// Returns the string under `key`; empty when there is none.
pub(super) fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns the number under `key`; 0 when there is none.
pub(super) fn number(value: &Value, key: &str) -> u64 {
    let found = value.get(key);
    let whole = found.and_then(Value::as_u64);
    // The delays of retries are not always whole.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let rounded = || found.and_then(Value::as_f64).map(|number| number as u64);
    whole.or_else(rounded).unwrap_or_default()
}

/// Returns the HTTP status under `key`.
pub(super) fn status(value: &Value, key: &str) -> Option<u16> {
    let number = value.get(key).and_then(Value::as_u64)?;
    u16::try_from(number).ok()
}

/// Returns the elements of the list under `key`; none when there is no list.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

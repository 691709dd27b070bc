//! The end of a turn.

use serde_json::Value;

/// A call that a permission rule refused.
#[derive(Debug, Clone, PartialEq)]
pub struct PermissionDenial {
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
pub struct TurnResult {
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
    pub permission_denials: Vec<PermissionDenial>,
    /// What went wrong, in the CLI's words.
    pub errors: Vec<String>,
}

impl TurnResult {
    /// Returns the result in `line`, a JSON object of type `result`.
    pub(crate) fn from_json(line: &Value) -> Self {
        Self {
            is_error: line
                .get("is_error")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            subtype: string_field(line, "subtype"),
            text: string_field(line, "result"),
            structured_output: line
                .get("structured_output")
                .filter(|value| !value.is_null())
                .cloned(),
            api_error_status: status_field(line, "api_error_status"),
            terminal_reason: line
                .get("terminal_reason")
                .and_then(Value::as_str)
                .map(str::to_owned),
            session_id: string_field(line, "session_id"),
            num_turns: number_field(line, "num_turns"),
            total_cost_usd: line.get("total_cost_usd").and_then(Value::as_f64),
            permission_denials: array_field(line, "permission_denials")
                .map(PermissionDenial::from_json)
                .collect(),
            errors: array_field(line, "errors")
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl PermissionDenial {
    /// Returns the denial in `value`: an element of `permission_denials` or a
    /// `system/permission_denied` event.
    pub(crate) fn from_json(value: &Value) -> Self {
        Self {
            tool: string_field(value, "tool_name"),
            tool_use_id: string_field(value, "tool_use_id"),
            input: value.get("tool_input").cloned().unwrap_or_default(),
            reason: value
                .get("message")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

/// Returns the string under `key`; empty when there is none.
pub(crate) fn string_field(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns the number under `key`; 0 when there is none.
pub(crate) fn number_field(value: &Value, key: &str) -> u64 {
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
pub(crate) fn status_field(value: &Value, key: &str) -> Option<u16> {
    let number = value.get(key).and_then(Value::as_u64)?;
    u16::try_from(number).ok()
}

/// Returns the elements of the list under `key`; none when there is no list.
pub(crate) fn array_field<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

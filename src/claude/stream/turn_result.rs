//! The result of a turn.

use serde_json::Value;

/// A call that a permission rule denied.
#[derive(Debug, Clone, PartialEq)]
pub struct PermissionDenial {
    pub tool: String,
    pub tool_use_id: String,
    /// The arguments if the CLI reported them, else null.
    pub input: Value,
    /// The reason if the CLI reported it.
    pub reason: Option<String>,
}

/// The CLI's report at the end of a turn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TurnResult {
    /// Whether the turn failed. Only this field decides: a failed request to the model has
    /// `subtype: "success"`. A result without the field counts as failed.
    pub is_error: bool,
    /// The CLI's label, e.g. `success` or `error_max_turns`.
    pub subtype: String,
    /// The final text; of a failed request, its message.
    pub text: String,
    /// The structured result. It may be missing even if the turn succeeded.
    pub structured_output: Option<Value>,
    /// The HTTP status of a failed request.
    pub api_error_status: Option<u16>,
    /// Why the turn ended, e.g. `completed`, `api_error`, `aborted_streaming`.
    pub terminal_reason: Option<String>,
    /// The conversation's id.
    pub session_id: String,
    /// The number of the model's responses.
    pub num_turns: u64,
    /// The CLI's estimate of the cost of the conversation so far, in USD; for display only, since
    /// the ledger is authoritative.
    pub total_cost_usd: Option<f64>,
    /// The denied calls.
    pub permission_denials: Vec<PermissionDenial>,
    /// The errors, in the CLI's words.
    pub errors: Vec<String>,
}

impl TurnResult {
    /// Parses a JSON object of type `result`.
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
    /// Parses an element of `permission_denials` or a `system/permission_denied` event.
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

/// Returns the string under `key`, or an empty one.
pub(crate) fn string_field(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns the number under `key`, or 0.
pub(crate) fn number_field(value: &Value, key: &str) -> u64 {
    let found = value.get(key);
    let whole = found.and_then(Value::as_u64);
    // The delays of retries are not always whole numbers.
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

/// Returns the elements of the list under `key`, or none.
pub(crate) fn array_field<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

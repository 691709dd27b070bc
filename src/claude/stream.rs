//! The output of the Claude Code CLI: JSON lines, parsed tolerantly.
//!
//! Unknown types are skipped, keys may come in any order, and a line that is not JSON is an event
//! of its own. Parsing never fails: the output contains text that an agent wrote.

use serde_json::Value;

mod parse;

pub use crate::stream::turn_result::{PermissionDenial, TurnResult};
pub use parse::parse_line;

/// One event of the CLI's output.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A user turn begins; repeated with every turn.
    Init(TurnInit),
    /// Text of the model.
    AssistantText {
        text: String,
        /// Set if the CLI made up the text to report a failed request (`rate_limit`,
        /// `server_error`, …). The run may still succeed: this is not the end.
        error: Option<String>,
    },
    /// The model called a tool.
    ToolUse {
        /// The call's id, e.g. `toolu_1`.
        id: String,
        /// The tool, e.g. `Write` or `mcp__eklavya__run_check`.
        name: String,
        input: Value,
    },
    /// The result of a tool call.
    ToolResult {
        id: String,
        /// Whether the call failed, was denied, or named an unknown tool.
        is_error: bool,
        /// Whether a permission rule denied it.
        denied: bool,
        /// What decided whether it may run, if the CLI reported it, e.g. `config/rule`.
        decided_by: Option<String>,
        /// The content for the model; only the text.
        content: String,
    },
    /// A turn ended. A process may have several.
    Result(Box<TurnResult>),
    /// A request to the model failed and is retried.
    Retry(ApiRetry),
    /// A permission rule denied a call.
    Denied(PermissionDenial),
    /// A control request of the CLI.
    ControlRequest {
        /// The id to repeat in the response.
        request_id: String,
        request: ControlRequest,
    },
    /// The CLI cancels a control request.
    ControlCancel { request_id: String },
    /// The CLI's response to our control request.
    ControlResponse {
        /// The id of our request.
        request_id: String,
        /// The error, if it failed.
        error: Option<String>,
    },
    /// A line that is not a JSON object, shortened.
    NotJson(String),
    /// A line that exceeded [`MAX_LINE_BYTES`] and was dropped.
    Oversized {
        /// The length in bytes.
        bytes: u64,
    },
    /// Another event, by its type (and subtype, after a slash).
    Other(String),
}

/// The longest line that is read, in bytes; the longest seen were some hundred kilobytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// The start of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnInit {
    /// The conversation's id.
    pub session_id: String,
    pub model: String,
    /// The tools that are offered to the model.
    pub tools: Vec<String>,
    /// The MCP servers and their status, e.g. `connected` or `failed`.
    pub mcp_servers: Vec<McpServerStatus>,
    pub version: String,
}

/// One MCP server in [`TurnInit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServerStatus {
    pub name: String,
    pub status: String,
}

/// A request to the model that is retried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiRetry {
    /// The number of this retry, from 1.
    pub attempt: u64,
    /// The maximum number of retries.
    pub max_retries: u64,
    /// The delay before the retry, in milliseconds.
    pub delay_ms: u64,
    /// The HTTP status of the failure; `None` without a response.
    pub status: Option<u16>,
    /// The kind of failure, e.g. `rate_limit`.
    pub error: String,
}

/// A control request of the CLI.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlRequest {
    /// A JSON-RPC message for one of our tool servers.
    McpMessage { server: String, message: Value },
    /// Another request, by its subtype; it is refused.
    Unknown(String),
}

#[cfg(test)]
mod tests;
pub(crate) mod turn_result;

//! What the Claude Code CLI prints: JSON lines, read tolerantly.
//!
//! Unknown types are skipped, keys come in any order, and a line that is no JSON is an event of
//! its own. Nothing here fails: the CLI's output carries what an agent wrote.

use serde_json::Value;

mod parse;

pub use crate::stream::turn_result::{PermissionDenial, TurnResult};
pub use parse::parse_line;

/// One thing that the CLI told.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A user turn begins; comes again with every turn.
    Init(TurnInit),
    /// The model said something.
    AssistantText {
        /// What it said.
        text: String,
        /// Set when the CLI made the text up to report a failed request (`rate_limit`,
        /// `server_error`, …). The run may still succeed: this is no end.
        error: Option<String>,
    },
    /// The model called a tool.
    ToolUse {
        /// The call's id, e.g. `toolu_1`.
        id: String,
        /// The tool, e.g. `Write` or `mcp__eklavya__run_check`.
        name: String,
        /// Its arguments.
        input: Value,
    },
    /// A tool answered.
    ToolResult {
        /// The id of the call.
        id: String,
        /// Whether it failed, was denied or does not exist.
        is_error: bool,
        /// Whether a permission rule refused it.
        denied: bool,
        /// What decided that it may run or not, where the CLI told it, e.g. `config/rule`.
        decided_by: Option<String>,
        /// What the model was told; only the text.
        content: String,
    },
    /// A turn ended. A process may send several.
    Result(Box<TurnResult>),
    /// A request to the model failed and is tried again.
    Retry(ApiRetry),
    /// A permission rule refused a call.
    Denied(PermissionDenial),
    /// The CLI asks something of us.
    ControlRequest {
        /// To be repeated in the answer.
        request_id: String,
        /// What it asks.
        request: ControlRequest,
    },
    /// The CLI withdraws a question.
    ControlCancel {
        /// The id of the question.
        request_id: String,
    },
    /// The CLI answers a question of ours.
    ControlResponse {
        /// The id of our question.
        request_id: String,
        /// Its refusal, where it refused.
        error: Option<String>,
    },
    /// A line that is not a JSON object, shortened.
    NotJson(String),
    /// A line that was longer than [`MAX_LINE_BYTES`] and was dropped.
    Oversized {
        /// Its length in bytes.
        bytes: u64,
    },
    /// Something else, by its type (and subtype, after a slash).
    Other(String),
}

/// The longest line that is read, in bytes; the longest ever seen were some hundred kilobytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// How a turn begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnInit {
    /// The conversation.
    pub session_id: String,
    /// The model that will be asked.
    pub model: String,
    /// The tools that the model is offered.
    pub tools: Vec<String>,
    /// The MCP servers and how each is doing, e.g. `connected` or `failed`.
    pub mcp_servers: Vec<McpServerStatus>,
    /// The CLI's version.
    pub version: String,
}

/// One MCP server in [`Init`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServerStatus {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub status: String,
}

/// A request to the model that is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiRetry {
    /// Which retry this is, from 1.
    pub attempt: u64,
    /// How many there will be at most.
    pub max_retries: u64,
    /// How long the CLI waits first, in milliseconds.
    pub delay_ms: u64,
    /// The HTTP status of the failure; `None` when there was no answer.
    pub status: Option<u16>,
    /// The kind of failure, e.g. `rate_limit`.
    pub error: String,
}

/// What the CLI can ask of us.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlRequest {
    /// A JSON-RPC message for one of our tool servers.
    McpMessage {
        /// The server.
        server: String,
        /// The message.
        message: Value,
    },
    /// Anything else, by its subtype; it is refused.
    Unknown(String),
}

#[cfg(test)]
mod tests;
pub(crate) mod turn_result;

//! Tools that the orchestrator offers to agents, served over the agent's own pipes.
//!
//! The Claude Code CLI calls a server of type `sdk` through `mcp_message` control requests on its
//! stdin and stdout, so no socket, port or extra process is needed.

pub(crate) mod combined_server;
pub(crate) mod json_rpc;
mod run_check;

use futures_util::future::BoxFuture;
use serde_json::Value;

pub use crate::mcp::combined_server::{CombinedToolServer, DuplicateTool};
pub use crate::mcp::json_rpc::{RpcReply, answer_message};
pub use run_check::{RUN_CHECK, RunCheckArguments, run_check_description};

/// The name of the server in the agent's configuration.
pub const SERVER_NAME: &str = "eklavya";

/// Returns the name under which an agent sees `tool`, e.g. `mcp__eklavya__run_check`.
///
/// The scheme `mcp__<server>__<tool>` is the CLI's; the same name goes into `--allowedTools`.
pub fn agent_tool_name(tool: &str) -> String {
    format!("mcp__{SERVER_NAME}__{tool}")
}

/// What an agent is told about a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDescription {
    /// Its name on the server, without the `mcp__eklavya__` prefix.
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// The JSON schema of its arguments; an object schema.
    pub input_schema: Value,
}

/// A picture in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolImage {
    /// What it is, e.g. `image/png`.
    pub media_type: &'static str,
    /// Its bytes in base64.
    pub base64: String,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolReply {
    /// The text that the model reads.
    pub text: String,
    /// Pictures that the model sees beside it.
    pub images: Vec<ToolImage>,
    /// Whether the model is told that the call failed.
    pub is_error: bool,
}

impl ToolReply {
    /// Returns a successful reply.
    pub fn ok(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            images: Vec::new(),
            is_error: false,
        }
    }

    /// Adds a picture.
    pub fn with_image(mut self, image: ToolImage) -> Self {
        self.images.push(image);
        self
    }

    /// Returns a failure that the model can read and react to.
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            images: Vec::new(),
            is_error: true,
        }
    }
}

/// The tools of one agent.
///
/// Every argument comes from the agent and is hostile input.
pub trait ToolServer: Send + Sync {
    /// Returns the tools that this agent may call.
    fn tools(&self) -> Vec<ToolDescription>;

    /// Runs the tool `name` with `arguments` (an object; empty when the model gave none).
    ///
    /// Only names from [`ToolServer::tools`] arrive here. The future is dropped when the agent
    /// gives up the call or ends.
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply>;

    /// Gives back what the tools hold on to, once the agent has ended.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

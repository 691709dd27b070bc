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
pub(crate) use crate::mcp::json_rpc::{RpcReply, answer_message};
pub use run_check::{RUN_CHECK, RunCheckArguments, run_check_description};

/// The name of the server in the agent's configuration.
pub(crate) const SERVER_NAME: &str = "eklavya";

/// Returns the name under which an agent sees `tool`, e.g. `mcp__eklavya__run_check`.
///
/// The scheme `mcp__<server>__<tool>` is the CLI's; `--allowedTools` uses the same name.
pub fn agent_tool_name(tool: &str) -> String {
    format!("mcp__{SERVER_NAME}__{tool}")
}

/// The description of a tool for an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDescription {
    /// The name on the server, without the `mcp__eklavya__` prefix.
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// The JSON schema of its arguments; an object schema.
    pub input_schema: Value,
}

/// An image in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolImage {
    /// The media type, e.g. `image/png`.
    pub media_type: &'static str,
    /// The content in base64.
    pub base64: String,
}

/// The reply of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolReply {
    /// The text for the model.
    pub text: String,
    /// Images for the model.
    pub images: Vec<ToolImage>,
    /// Whether the model sees the call as failed.
    pub is_error: bool,
}

impl ToolReply {
    pub fn ok(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            images: Vec::new(),
            is_error: false,
        }
    }

    pub fn with_image(mut self, image: ToolImage) -> Self {
        self.images.push(image);
        self
    }

    /// Returns a failed reply that the model can read and react to.
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

    /// Runs the tool `name` with `arguments` (an object; empty if the model passed none).
    ///
    /// Only names from [`ToolServer::tools`] are passed. The future is dropped if the agent cancels
    /// the call or ends.
    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply>;

    /// Releases the resources of the tools after the agent has ended.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

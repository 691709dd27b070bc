//! The pending calls of the orchestrator's tools.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::mcp::{self, RpcReply, SERVER_NAME, ToolServer};
use crate::session::stdin_messages;

/// Calls that one agent may have pending; further ones are refused.
const MAX_CALLS: usize = 64;

/// The pending calls, each in its own task: a slow tool delays no other.
pub(super) struct PendingToolCalls {
    server: Option<Arc<dyn ToolServer>>,
    running: JoinSet<RpcReply>,
    requests: HashMap<Id, (String, AbortHandle)>,
}

impl PendingToolCalls {
    pub(super) fn new(server: Option<Arc<dyn ToolServer>>) -> Self {
        Self {
            server,
            running: JoinSet::new(),
            requests: HashMap::new(),
        }
    }

    pub(super) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.running.is_empty()
    }

    /// Starts to handle `message`; returns a response only if it is refused.
    pub(super) fn start_call(
        &mut self,
        request_id: &str,
        name: &str,
        message: Value,
    ) -> Option<Value> {
        let Some(server) = self.server.clone().filter(|_| name == SERVER_NAME) else {
            return Some(stdin_messages::error_response(
                request_id,
                &format!("unknown server {name}"),
            ));
        };
        if self.running.len() >= MAX_CALLS {
            let refusal = format!("{MAX_CALLS} calls are already running");
            return Some(stdin_messages::error_response(request_id, &refusal));
        }
        let task = async move { mcp::answer_message(server.as_ref(), &message).await };
        let handle = self.running.spawn(task);
        self.requests
            .insert(handle.id(), (request_id.to_owned(), handle));
        None
    }

    /// Cancels the call of `request_id`.
    pub(super) fn cancel_call(&mut self, request_id: &str) {
        let mut calls = self.requests.values();
        if let Some((_, handle)) = calls.find(|(id, _)| id == request_id) {
            handle.abort();
        }
    }

    /// Waits for the next finished call and returns its response, which may be absent; `None` if no
    /// call is pending.
    pub(super) async fn next_response(&mut self) -> Option<Option<Value>> {
        let finished = self.running.join_next_with_id().await?;
        let id = finished
            .as_ref()
            .map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let Some((request_id, _)) = self.requests.remove(&id) else {
            return Some(None);
        };
        Some(match finished {
            Ok((_, RpcReply::Response(reply))) => {
                Some(stdin_messages::mcp_response(&request_id, Some(&reply)))
            }
            Ok((_, RpcReply::NoResponse)) => Some(stdin_messages::mcp_response(&request_id, None)),
            Err(error) if error.is_cancelled() => None,
            Err(_) => Some(stdin_messages::error_response(
                &request_id,
                "the tool failed; try another way",
            )),
        })
    }

    pub(super) fn cancel_all(&mut self) {
        self.running.abort_all();
    }
}

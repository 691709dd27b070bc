//! The driver against the real CLI, with a scripted model on the loopback interface.

pub(crate) mod failures;
pub(crate) mod fixture;
mod run;
pub(crate) mod scripted_model;
mod stopping;
mod tools;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::cli::invocation::{CliIsolation, ConversationStart};
use crate::mcp::{ToolDescription, ToolReply};
use crate::session::outcome::{FailureReason, SessionEnd};
use crate::session::tests::fixture::SessionFixture;
use crate::session::tests::scripted_model::ScriptedAnswer;
use crate::transcript::{LineDirection, TranscriptTail};
use eklavya_core::ids::SessionId;

const LONG_SILENCE_LIMIT: Duration = Duration::from_mins(2);

struct CountingToolServer(AtomicUsize);

/// The value of a [`CountingToolServer`] after a call of `hang`.
const HUNG: usize = usize::MAX;

impl ToolServer for CountingToolServer {
    fn tools(&self) -> Vec<ToolDescription> {
        let description = |name: &str| ToolDescription {
            name: name.into(),
            description: "counts".into(),
            input_schema: json!({"type": "object", "properties": {"by": {"type": "integer"}}}),
        };
        vec![
            description("count"),
            description("hang"),
            description("panic"),
        ]
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            match name {
                "hang" => {
                    self.0.store(HUNG, Ordering::Relaxed);
                    std::future::pending().await
                }
                "panic" => panic!("a tool that breaks"),
                _ => {
                    let by = usize::try_from(arguments["by"].as_u64().unwrap()).unwrap();
                    let count = self.0.fetch_add(by, Ordering::Relaxed) + by;
                    ToolReply::ok(format!("the count is {count}"))
                }
            }
        })
    }
}

//! The driver against the real CLI, which talks to a scripted model on the loopback interface.

mod model;
mod odd;
mod run;
mod setup;
mod stopping;
mod tools;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use self::model::Answer;
use self::setup::Scene;
use super::*;
use crate::invocation::{Confinement, Conversation};
use crate::mcp::{ToolDescription, ToolReply};
use crate::outcome::{Ended, FailureReason};
use crate::transcript::{Direction, Follower};
use eklavya_core::domain::ids::SessionId;

const LONG: Duration = Duration::from_mins(2);

/// The tools of a test's agent.
struct Counter(AtomicUsize);

impl ToolServer for Counter {
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
                "hang" => std::future::pending().await,
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

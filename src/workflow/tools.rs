//! The orchestrator's tools for agents without a shell: running the plan's checks, and the test
//! command, in throw-away sandboxes.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::checks::Checks;
use super::worker::Worker;
use super::{collect, trial};
use crate::domain::agent::Agent;
use crate::domain::secret::SecretUse;
use crate::domain::task::Task;
use crate::mcp::{
    RUN_CHECK, RunCheck, ToolDescription, ToolReply, ToolServer, run_check_description,
};

/// The name of the tool that runs the test command.
pub(super) const RUN_TESTS: &str = "run_tests";

/// The tool of a verifier: runs the checks of its criteria.
pub(super) struct CheckTool {
    /// The worker; it is gone when the work ends.
    pub worker: Weak<Worker>,
    /// What may be run.
    pub checks: Arc<Checks>,
}

impl ToolServer for CheckTool {
    fn tools(&self) -> Vec<ToolDescription> {
        vec![run_check_description()]
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            if name != RUN_CHECK {
                return ToolReply::error(format!("there is no tool {name}"));
            }
            let wanted = match RunCheck::parse(arguments) {
                Ok(wanted) => wanted.criterion,
                Err(reason) => return ToolReply::error(reason),
            };
            let Some(worker) = self.worker.upgrade() else {
                return ToolReply::error("the work is being stopped");
            };
            match self.checks.run(&worker, &wanted).await {
                Ok(Some(ran)) => ToolReply::ok(
                    json!({
                        "criterion": wanted, "commit": self.checks.commit(), "command": ran.command,
                        "exit": ran.exit, "passed": ran.passed, "output": ran.output,
                    })
                    .to_string(),
                ),
                Ok(None) => ToolReply::error(format!(
                    "{wanted:?} is not one of your criteria with a command; those are {}",
                    commands(&self.checks)
                )),
                Err(error) => ToolReply::error(format!("the check could not be run: {error}")),
            }
        })
    }
}

fn commands(checks: &Checks) -> String {
    let ids: Vec<&str> = checks
        .criteria()
        .iter()
        .map(|criterion| criterion.id.as_str())
        .filter(|id| checks.command(id).is_some())
        .collect();
    if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    }
}

/// The tool of a role whose terminal is the test command: runs it on what the agent has written.
pub(super) struct TestTool {
    /// The worker; it is gone when the work ends.
    pub worker: Weak<Worker>,
    /// The agent whose files are tested.
    pub agent: Agent,
    /// Its task.
    pub task: Task,
    /// The project's test command.
    pub command: String,
}

impl ToolServer for TestTool {
    fn tools(&self) -> Vec<ToolDescription> {
        vec![ToolDescription {
            name: RUN_TESTS.to_owned(),
            description: "Runs the project's test command on your files as they are now, in a \
                          sandbox of its own without a network, and returns how it ended and what \
                          it printed. Takes no arguments."
                .to_owned(),
            input_schema: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        }]
    }

    fn call<'a>(&'a self, name: &'a str, _arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            if name != RUN_TESTS {
                return ToolReply::error(format!("there is no tool {name}"));
            }
            let Some(worker) = self.worker.upgrade() else {
                return ToolReply::error("the work is being stopped");
            };
            let outcome = async {
                let files = collect::snapshot(&worker, &self.agent, &self.task).await?;
                trial::run(&worker.site, &files.commit, &self.command, SecretUse::Tests).await
            };
            match outcome.await {
                Ok(outcome) => ToolReply::ok(
                    json!({
                        "command": self.command, "exit": trial::describe(outcome.exit),
                        "passed": outcome.exit.is_success(), "output": outcome.output,
                    })
                    .to_string(),
                ),
                Err(error) => ToolReply::error(format!("the tests could not be run: {error}")),
            }
        })
    }
}

//! The tool of a role whose terminal is the test command.

use std::sync::Weak;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments;
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::workspace::collect;
use crate::workspace::command::{self as trial, SandboxedCommand};
use eklavya_claude::mcp::{ToolDescription, ToolReply, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::secret::SecretUse;
use eklavya_core::task::Task;
use eklavya_sandbox::CommandOutcome;

/// The name of the tool that runs the test command.
pub(crate) const RUN_TESTS: &str = "run_tests";

/// Runs the test command on what the agent has written, or on the commit that it verifies.
pub(super) struct TestTool {
    /// The worker; it is gone when the work ends.
    pub worker: Weak<ProjectRun>,
    /// The agent whose files are tested.
    pub agent: Agent,
    /// Its task.
    pub task: Task,
    /// The project's test command.
    pub command: String,
    /// The commit under verification, where there is one.
    pub commit: Option<CommitId>,
}

/// The arguments of [`RUN_TESTS`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunTestsArguments {
    #[serde(default)]
    arguments: Vec<String>,
}

impl TestTool {
    async fn run_tests(
        &self,
        worker: &ProjectRun,
        wanted: RunTestsArguments,
    ) -> Result<ToolReply, EngineError> {
        let commit = match &self.commit {
            Some(commit) => commit.clone(),
            None => {
                collect::snapshot_files(worker, &self.agent, &self.task)
                    .await?
                    .commit
            }
        };
        let trial = SandboxedCommand::new(&self.command)
            .with_arguments(wanted.arguments.clone())
            .with_secrets(SecretUse::Tests);
        let outcome = trial::run_on_commit(&worker.site, &commit, &trial).await?;
        let mut told = outcome_json(&outcome);
        told["command"] = json!(self.command);
        told["arguments"] = json!(wanted.arguments);
        Ok(ToolReply::ok(told.to_string()))
    }
}

/// Returns how a command ended, for a model.
pub(super) fn outcome_json(outcome: &CommandOutcome) -> Value {
    json!({
        "exit": trial::describe_exit(outcome.exit),
        "passed": outcome.exit.is_success(),
        "durationMs": u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
        "truncated": outcome.truncated,
        "output": outcome.output,
    })
}

impl ToolServer for TestTool {
    fn tools(&self) -> Vec<ToolDescription> {
        let on = match self.commit {
            Some(_) => "the commit under verification",
            None => "your files as they are now",
        };
        vec![ToolDescription {
            name: RUN_TESTS.to_owned(),
            description: format!(
                "Runs the project's test command on {on}, in a sandbox of its own without a \
                 network, and returns how it ended and what it printed. Where the command hands \
                 \"$@\" on, `arguments` choose what is tested; no shell reads them."
            ),
            input_schema: json!({
                "type": "object",
                "properties": {
                    "arguments": {"type": "array", "items": {"type": "string"},
                                  "description": "E.g. [\"tests/menu.sh\"]."}
                },
                "additionalProperties": false,
            }),
        }]
    }

    fn call<'a>(&'a self, _: &'a str, arguments: Value) -> BoxFuture<'a, ToolReply> {
        Box::pin(async move {
            let takes = "{\"arguments\": [\"…\"]}, or nothing";
            let wanted: RunTestsArguments =
                match arguments::parse_arguments(RUN_TESTS, takes, arguments) {
                    Ok(wanted) => wanted,
                    Err(reply) => return reply,
                };
            if let Some(problem) =
                arguments::find_argument_problem(&self.command, &wanted.arguments)
            {
                return ToolReply::error(problem);
            }
            let Some(worker) = self.worker.upgrade() else {
                return ToolReply::error("the work is being stopped");
            };
            let ran = self.run_tests(&worker, wanted).await;
            ran.unwrap_or_else(|error| {
                ToolReply::error(format!("the tests could not be run: {error}"))
            })
        })
    }
}

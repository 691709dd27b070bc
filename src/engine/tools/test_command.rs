//! The tool of a role whose terminal is the test command: runs it, with arguments.

use std::sync::Weak;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::collect;
use crate::workspace::command::{self, SandboxedCommand};
use eklavya_claude::mcp::{ToolDescription, ToolReply, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::secret::SecretUse;
use eklavya_core::task::Task;
use eklavya_sandbox::CommandOutcome;

pub(crate) const RUN_TESTS: &str = "run_tests";

/// Runs the test command on the files of the agent, or on the commit that the agent verifies.
pub(super) struct TestTool {
    /// Dropped when the run ends.
    pub site: Weak<Site>,
    pub agent: Agent,
    pub task: Task,
    pub command: String,
    /// The commit under verification; `None` to test the files of the agent.
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
        site: &Site,
        request: RunTestsArguments,
    ) -> Result<ToolReply, EngineError> {
        let commit = match &self.commit {
            Some(commit) => commit.clone(),
            None => {
                collect::snapshot_files(site, &self.agent, &self.task)
                    .await?
                    .commit
            }
        };
        let sandboxed = SandboxedCommand::new(&self.command)
            .with_arguments(request.arguments.clone())
            .with_secrets(SecretUse::Tests);
        let outcome = command::run_on_commit(site, &commit, &sandboxed).await?;
        let mut reply = outcome_json(&outcome);
        reply["command"] = json!(self.command);
        reply["arguments"] = json!(request.arguments);
        Ok(ToolReply::ok(reply.to_string()))
    }
}

pub(super) fn outcome_json(outcome: &CommandOutcome) -> Value {
    json!({
        "exit": command::describe_exit(outcome.exit),
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
                "Runs the project's test command on {on}, in a separate sandbox without network, \
                 and returns its exit and its output. If the command passes \"$@\" on, \
                 `arguments` select the tests; no shell interprets them."
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
            let request: RunTestsArguments =
                match arguments::parse_arguments(RUN_TESTS, takes, arguments) {
                    Ok(request) => request,
                    Err(reply) => return reply,
                };
            if let Some(problem) =
                arguments::find_argument_problem(&self.command, &request.arguments)
            {
                return ToolReply::error(problem);
            }
            let Some(site) = self.site.upgrade() else {
                return ToolReply::error("the run is being stopped");
            };
            let ran = self.run_tests(&site, request).await;
            ran.unwrap_or_else(|error| {
                ToolReply::error(format!("could not run the tests: {error}"))
            })
        })
    }
}

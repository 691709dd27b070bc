//! The tool of a verifier: runs the plan's checks in throw-away sandboxes.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::context::project_run::ProjectRun;
use crate::workspace::checks::PlanChecks;
use eklavya_claude::mcp::{
    RUN_CHECK, RunCheckArguments, ToolDescription, ToolReply, ToolServer, run_check_description,
};

/// The tool of a verifier: runs the checks of its criteria.
pub(super) struct CheckTool {
    /// The worker; it is gone when the work ends.
    pub worker: Weak<ProjectRun>,
    /// What may be run.
    pub checks: Arc<PlanChecks>,
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
            let wanted = match RunCheckArguments::parse(arguments) {
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
                    list_command_criteria(&self.checks)
                )),
                Err(error) => ToolReply::error(format!("the check could not be run: {error}")),
            }
        })
    }
}

fn list_command_criteria(checks: &PlanChecks) -> String {
    let ids: Vec<&str> = checks
        .criteria()
        .iter()
        .map(|criterion| criterion.id.as_str())
        .filter(|id| checks.find_command(id).is_some())
        .collect();
    if ids.is_empty() {
        "none".to_owned()
    } else {
        ids.join(", ")
    }
}

//! The tool of a verifier: runs the checks of its criteria in throw-away sandboxes.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::context::site::Site;
use crate::workspace::checks::PlanChecks;
use eklavya_claude::mcp::{
    RUN_CHECK, RunCheckArguments, ToolDescription, ToolReply, ToolServer, run_check_description,
};

pub(super) struct CheckTool {
    /// Dropped when the run ends.
    pub site: Weak<Site>,
    pub checks: Arc<PlanChecks>,
}

impl CheckTool {
    async fn run_check(&self, criterion: &str) -> ToolReply {
        let Some(site) = self.site.upgrade() else {
            return ToolReply::error("the run is being stopped");
        };
        match self.checks.run(&site, criterion).await {
            Ok(Some(result)) => {
                let answer = json!({
                    "criterion": criterion, "commit": self.checks.commit(),
                    "command": result.command, "exit": result.exit,
                    "passed": result.passed, "output": result.output,
                });
                ToolReply::ok(answer.to_string())
            }
            Ok(None) => ToolReply::error(format!(
                "{criterion:?} is not one of your criteria with a command; these are: {}",
                list_command_criteria(&self.checks)
            )),
            Err(error) => ToolReply::error(format!("could not run the check: {error}")),
        }
    }
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
            match RunCheckArguments::parse(arguments) {
                Ok(parsed) => self.run_check(&parsed.criterion).await,
                Err(reason) => ToolReply::error(reason),
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

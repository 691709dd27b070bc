//! The orchestrator's tools, by role: the one place where the table of roles becomes tools.

mod arguments;
mod browser;
mod browser_calls;
mod checks;
mod diagnostics;
mod test_command;

use std::sync::Arc;

use self::browser::BrowserTool;
use self::checks::CheckTool;
use self::diagnostics::DiagnosticTool;
pub(super) use self::test_command::RUN_TESTS;
use self::test_command::TestTool;
use super::checks::Checks;
use super::error::WorkflowError;
use super::worker::Worker;
use crate::domain::agent::Agent;
use crate::domain::task::Task;
use crate::mcp::{ToolServer, Toolbox};
use crate::sandbox::policy::{Browser, Terminal, policy};
use crate::services::plans;

/// Returns the tools that the agent is offered: what its row of the table grants, and nothing else.
pub(super) async fn of(
    worker: &Arc<Worker>,
    agent: &Agent,
    task: &Task,
    checks: Option<Arc<Checks>>,
) -> Result<Toolbox, WorkflowError> {
    let mut toolbox = Toolbox::default();
    let mut add = |server: Arc<dyn ToolServer>| {
        let added = toolbox.add(server);
        added.map_err(|error| WorkflowError::Failed(error.to_string()))
    };
    match policy(agent.role).terminal {
        Terminal::TestCommand => {
            let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
            let commit = checks.as_ref().map(|checks| checks.commit().clone());
            if let Some(checks) = checks {
                let worker = Arc::downgrade(worker);
                add(Arc::new(CheckTool { worker, checks }))?;
            }
            add(Arc::new(TestTool {
                worker: Arc::downgrade(worker),
                agent: agent.clone(),
                task: task.clone(),
                command: plan.test_command,
                commit,
            }))?;
        }
        Terminal::Diagnostic => {
            let plan = plans::approved(&worker.site.desk, worker.site.project()).await?;
            add(Arc::new(DiagnosticTool {
                worker: Arc::downgrade(worker),
                agent: agent.clone(),
                task: task.clone(),
                own: plan.diagnostics,
            }))?;
        }
        Terminal::No | Terminal::Full => {}
    }
    match policy(agent.role).browser {
        Browser::Full => {
            let browser = BrowserTool::new(worker, agent.id, &task.key).await;
            add(Arc::new(browser))?;
        }
        Browser::No => {}
    }
    Ok(toolbox)
}

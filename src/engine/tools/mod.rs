//! The orchestrator's tools, by role: the one place where the table of roles becomes tools.

mod arguments;
mod browser;
mod browser_calls;
mod checks;
mod diagnostics;
mod fetch;
mod html;
mod spawn;
mod test_command;

use std::sync::Arc;

use self::browser::BrowserTool;
use self::checks::CheckTool;
use self::diagnostics::DiagnosticTool;
use self::fetch::FetchTool;
pub(super) use self::spawn::SPAWN_AGENT;
use self::spawn::SpawnTool;
pub(super) use self::test_command::RUN_TESTS;
use self::test_command::TestTool;
use super::browsing;
use super::checks::Checks;
use super::error::WorkflowError;
use super::worker::Worker;
use eklavya_claude::mcp::{ToolServer, Toolbox};
use eklavya_core::domain::agent::Agent;
use eklavya_core::domain::role::Role;
use eklavya_core::domain::task::Task;
use eklavya_gateway::{Door, Reach};
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::policy::{Browser, Terminal, policy};
use eklavya_services::plans;

/// Returns the tools that the agent is offered: what its row of the table grants, and nothing else.
pub(super) async fn of(
    worker: &Arc<Worker>,
    (agent, task): (&Agent, &Task),
    door: &Door,
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
    if policy(agent.role).leads() {
        add(Arc::new(SpawnTool {
            worker: Arc::downgrade(worker),
            agent: agent.clone(),
            task: task.clone(),
        }))?;
    }
    if let Some(fetch) = fetch_tool(worker, agent.role, door).await {
        add(Arc::new(fetch))?;
    }
    Ok(toolbox)
}

/// Returns the tool of a role that may reach something and has no program to do it with.
async fn fetch_tool(worker: &Worker, role: Role, door: &Door) -> Option<FetchTool> {
    if policy(role).has_shell() {
        return None;
    }
    let reaches = match door.reach() {
        Reach::Nothing => return None,
        Reach::Hosts { list, .. } if list.patterns().is_empty() => return None,
        Reach::Hosts { list, .. } => list.to_string(),
        Reach::Public => "every public host".to_owned(),
        Reach::Previews(_) => previews(worker).await,
    };
    Some(FetchTool {
        fetcher: door.fetcher(),
        reaches,
        redactor: worker.site.desk.redactor().clone(),
    })
}

async fn previews(worker: &Worker) -> String {
    let known = browsing::names(&worker.site, None).known().await;
    let urls: Vec<String> = known.iter().map(|name| format!("http://{name}/")).collect();
    if urls.is_empty() {
        return "the previews of this project; none is there now".to_owned();
    }
    urls.join(", ")
}

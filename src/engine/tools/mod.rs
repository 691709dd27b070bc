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
use crate::context::error::EngineError;
use crate::context::project_run::ProjectRun;
use crate::preview::browser::preview_names;
use crate::workspace::checks::PlanChecks;
use eklavya_claude::mcp::{CombinedToolServer, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::agent::role::Role;
use eklavya_core::task::Task;
use eklavya_gateway::{AgentDoor, EgressPolicy};
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::role_policy::{BrowserAccess, TerminalAccess, role_policy};
use eklavya_services::plans;

/// Returns the tools that the agent is offered: what its row of the table grants, and nothing else.
pub(super) async fn build_toolbox(
    worker: &Arc<ProjectRun>,
    (agent, task): (&Agent, &Task),
    door: &AgentDoor,
    checks: Option<Arc<PlanChecks>>,
) -> Result<CombinedToolServer, EngineError> {
    let mut toolbox = CombinedToolServer::default();
    let mut add = |server: Arc<dyn ToolServer>| {
        let added = toolbox.add_server(server);
        added.map_err(|error| EngineError::Failed(error.to_string()))
    };
    match role_policy(agent.role).terminal {
        TerminalAccess::TestCommand => {
            let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
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
        TerminalAccess::Diagnostic => {
            let plan = plans::approved_document(&worker.site.data, worker.site.project()).await?;
            add(Arc::new(DiagnosticTool {
                worker: Arc::downgrade(worker),
                agent: agent.clone(),
                task: task.clone(),
                own: plan.diagnostics,
            }))?;
        }
        TerminalAccess::No | TerminalAccess::Full => {}
    }
    match role_policy(agent.role).browser {
        BrowserAccess::Full => {
            let browser = BrowserTool::new(worker, agent.id, &task.key).await;
            add(Arc::new(browser))?;
        }
        BrowserAccess::No => {}
    }
    if role_policy(agent.role).may_spawn_agents() {
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
async fn fetch_tool(worker: &ProjectRun, role: Role, door: &AgentDoor) -> Option<FetchTool> {
    if role_policy(role).has_shell() {
        return None;
    }
    let reaches = match door.egress_policy() {
        EgressPolicy::ModelOnly => return None,
        EgressPolicy::Hosts { list, .. } if list.patterns().is_empty() => return None,
        EgressPolicy::Hosts { list, .. } => list.to_string(),
        EgressPolicy::Public => "every public host".to_owned(),
        EgressPolicy::Previews(_) => describe_previews(worker).await,
    };
    Some(FetchTool {
        fetcher: door.page_fetcher(),
        reaches,
        redactor: worker.site.data.redactor().clone(),
    })
}

async fn describe_previews(worker: &ProjectRun) -> String {
    let known = preview_names(&worker.site, None).list_names().await;
    let urls: Vec<String> = known.iter().map(|name| format!("http://{name}/")).collect();
    if urls.is_empty() {
        return "the previews of this project; none is there now".to_owned();
    }
    urls.join(", ")
}

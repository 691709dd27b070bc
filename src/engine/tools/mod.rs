//! The orchestrator's tools, by role: the one place where the table of roles becomes tools.

mod arguments;
mod browser;
mod browser_calls;
mod browser_steps;
mod checks;
mod diagnostics;
mod fetch;
mod html;
mod spawn;
mod test_command;

use std::sync::Arc;

use tokio::sync::Notify;

use self::browser::BrowserTool;
use self::checks::CheckTool;
use self::diagnostics::DiagnosticTool;
use self::fetch::FetchTool;
pub(super) use self::spawn::SPAWN_AGENT;
use self::spawn::SpawnTool;
pub(super) use self::test_command::RUN_TESTS;
use self::test_command::TestTool;
use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::preview::browser::preview_names;
use crate::workspace::checks::PlanChecks;
use eklavya_claude::mcp::{CombinedToolServer, ToolServer};
use eklavya_core::agent::Agent;
use eklavya_core::agent::role::Role;
use eklavya_core::task::Task;
use eklavya_gateway::{AgentDoor, EgressPolicy};
use eklavya_sandbox::browser::{PreviewNames, join_preview_urls};
use eklavya_sandbox::role_policy::{BrowserAccess, TerminalAccess, role_policy};
use eklavya_services::plans;

/// Returns the tools of an agent: exactly those that its row of the role table grants.
pub(super) async fn build_toolbox(
    site: &Arc<Site>,
    spawn_notify: &Arc<Notify>,
    (agent, task): (&Agent, &Task),
    door: &AgentDoor,
    checks: Option<Arc<PlanChecks>>,
) -> Result<CombinedToolServer, EngineError> {
    let role = role_policy(agent.role);
    let mut servers = terminal_tools(site, (agent, task), checks).await?;
    match role.browser {
        BrowserAccess::Full => {
            let browser = BrowserTool::new(site, agent.id, &task.key).await;
            servers.push(Arc::new(browser));
        }
        BrowserAccess::No => {}
    }
    if role.may_spawn_agents() {
        servers.push(Arc::new(SpawnTool {
            site: Arc::downgrade(site),
            spawn_notify: Arc::clone(spawn_notify),
            agent: agent.clone(),
            task: task.clone(),
        }));
    }
    if let Some(fetch) = fetch_tool(site, agent.role, door).await {
        servers.push(Arc::new(fetch));
    }
    combine_tools(servers)
}

fn combine_tools(servers: Vec<Arc<dyn ToolServer>>) -> Result<CombinedToolServer, EngineError> {
    let mut toolbox = CombinedToolServer::default();
    for server in servers {
        let added = toolbox.add_server(server);
        added.map_err(|error| EngineError::Failed(error.to_string()))?;
    }
    Ok(toolbox)
}

/// Returns the tools of a role whose terminal is limited to some commands.
async fn terminal_tools(
    site: &Arc<Site>,
    (agent, task): (&Agent, &Task),
    checks: Option<Arc<PlanChecks>>,
) -> Result<Vec<Arc<dyn ToolServer>>, EngineError> {
    let read_plan = plans::approved_document(&site.data, site.project());
    let mut servers: Vec<Arc<dyn ToolServer>> = Vec::new();
    match role_policy(agent.role).terminal {
        TerminalAccess::TestCommand => {
            let commit = checks.as_ref().map(|checks| checks.commit().clone());
            if let Some(checks) = checks {
                let site = Arc::downgrade(site);
                servers.push(Arc::new(CheckTool { site, checks }));
            }
            servers.push(Arc::new(TestTool {
                site: Arc::downgrade(site),
                agent: agent.clone(),
                task: task.clone(),
                command: read_plan.await?.test_command,
                commit,
            }));
        }
        TerminalAccess::Diagnostic => servers.push(Arc::new(DiagnosticTool {
            site: Arc::downgrade(site),
            agent: agent.clone(),
            task: task.clone(),
            own: read_plan.await?.diagnostics,
        })),
        TerminalAccess::No | TerminalAccess::Full => {}
    }
    Ok(servers)
}

/// Returns the fetch tool for a role that has network access but no shell.
async fn fetch_tool(site: &Site, role: Role, door: &AgentDoor) -> Option<FetchTool> {
    if role_policy(role).has_shell() {
        return None;
    }
    let reaches = match door.egress_policy() {
        EgressPolicy::ModelOnly => return None,
        EgressPolicy::Hosts { list, .. } if list.patterns().is_empty() => return None,
        EgressPolicy::Hosts { list, .. } => list.to_string(),
        EgressPolicy::Public => "every public host".to_owned(),
        EgressPolicy::Previews(_) => describe_previews(site).await,
    };
    Some(FetchTool {
        fetcher: door.page_fetcher(),
        reaches,
        redactor: site.data.redactor().clone(),
    })
}

async fn describe_previews(site: &Site) -> String {
    let known = preview_names(site, None).list_names().await;
    if known.is_empty() {
        return "the previews of this project; none is running now".to_owned();
    }
    join_preview_urls(&known)
}

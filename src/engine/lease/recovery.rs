//! Recovers the agents and tasks of earlier lease holders.

use std::collections::HashMap;

use crate::agent::tool_calls;
use crate::context::error::EngineError;
use crate::context::orphans;
use crate::context::project_run::ProjectRun;
use crate::context::site::Site;
use crate::preview::demo;
use crate::workspace::collect;
use crate::workspace::tidy;
use eklavya_core::agent::{Agent, AgentEvent};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::AgentId;
use eklavya_core::task::{Task, TaskEvent, TaskState};
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{agents, tasks};

/// Recovers what earlier leases of the project left unfinished, including those of this process: ends
/// agents that still run on this host, commits each agent's files to a checkpoint, returns its task to
/// pending with its session, and settles unfinished requests at their upper bound.
pub(crate) async fn recover_project(worker: &ProjectRun) -> Result<(), EngineError> {
    let (site, fence) = (&worker.site, worker.site.fence());
    let mut earlier = agents::list(&site.data, Some(site.project().id)).await?;
    earlier.retain(|agent| agent.fence < fence);
    // No process may write files while they are checkpointed.
    let on_this_host = |agent: &&Agent| agent.host == worker.identity.host.digest;
    for agent in earlier.iter().filter(on_this_host) {
        orphans::end_agent_process(agent).await?;
    }
    site.ensure_lease_held().await?;
    tidy::remove_leftovers(&site.paths).await?;
    demo::end_unrecorded_previews(site).await?;
    worker
        .costs
        .settle_abandoned(site.project().id, fence)
        .await?;
    let mut running = running_tasks(site).await?;
    for agent in &earlier {
        recover_agent(worker, agent, running.remove(&agent.id)).await?;
    }
    Ok(())
}

async fn running_tasks(site: &Site) -> Result<HashMap<AgentId, Task>, EngineError> {
    let all = tasks::list(&site.data, site.project().id).await?;
    let running = all.into_iter().filter_map(|task| match task.state {
        TaskState::Running { agent, .. } => Some((agent, task)),
        _ => None,
    });
    Ok(running.collect())
}

async fn recover_agent(
    worker: &ProjectRun,
    agent: &Agent,
    task: Option<Task>,
) -> Result<(), EngineError> {
    let data = &worker.site.data;
    if let Some(task) = task {
        collect::checkpoint_agent(&worker.site, agent, &task, "its worker is gone").await?;
        let note = TaskUpdate::default();
        tasks::advance(data, &AuditActor::System, &task, TaskEvent::Interrupt, note).await?;
    }
    if agent.state.is_live() {
        tool_calls::recover_tool_calls(data, &worker.site.paths, agent).await?;
        agents::advance(data, &AuditActor::System, agent.id, AgentEvent::Lose, None).await?;
    }
    if agent.pid.is_some() && agent.host == worker.identity.host.digest {
        agents::clear_process(data, &AuditActor::System, agent.id).await?;
    }
    Ok(())
}

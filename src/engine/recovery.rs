//! Putting in order what earlier tenures left: their agents are gone, their files and words are not.

use std::collections::HashMap;

use super::calls;
use super::collect;
use super::error::WorkflowError;
use super::worker::Worker;
use super::{orphans, preview, tidy};
use eklavya_core::domain::agent::{Agent, AgentEvent};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::AgentId;
use eklavya_core::domain::task::{Task, TaskEvent, TaskState};
use eklavya_services::tasks::TaskNote;
use eklavya_services::{agents, tasks};

/// Finds what earlier tenures left unfinished on the project, those of this very worker too, and
/// makes it ready to go on: what still runs on this host is ended, each agent's files are
/// snapshotted, its task goes back to pending with its conversation, and requests that were under
/// way are settled at their upper bound.
pub(super) async fn recover(worker: &Worker) -> Result<(), WorkflowError> {
    let (site, fence) = (&worker.site, worker.site.fence());
    let mut earlier = agents::list(&site.desk, Some(site.project().id)).await?;
    earlier.retain(|agent| agent.fence < fence);
    // Nothing of them may write any more when their files are looked at.
    let here = |agent: &&Agent| agent.host == worker.identity.host.digest;
    for agent in earlier.iter().filter(here) {
        orphans::end(agent).await?;
    }
    site.firm().await?;
    tidy::tidy(&site.paths).await?;
    preview::end_forgotten(site).await?;
    worker
        .costs
        .settle_orphans(site.project().id, fence)
        .await?;
    let mut running: HashMap<AgentId, Task> = tasks::list(&site.desk, site.project().id)
        .await?
        .into_iter()
        .filter_map(|task| match task.state {
            TaskState::Running { agent, .. } => Some((agent, task)),
            _ => None,
        })
        .collect();
    for agent in &earlier {
        recover_agent(worker, agent, running.remove(&agent.id)).await?;
    }
    Ok(())
}

async fn recover_agent(
    worker: &Worker,
    agent: &Agent,
    task: Option<Task>,
) -> Result<(), WorkflowError> {
    let desk = &worker.site.desk;
    if let Some(task) = task {
        collect::checkpoint(worker, agent, &task, "its worker is gone").await?;
        let note = TaskNote::default();
        tasks::advance(desk, &Actor::System, &task, TaskEvent::Interrupt, note).await?;
    }
    if agent.state.is_live() {
        calls::recover(worker, agent).await?;
        agents::advance(desk, &Actor::System, agent.id, AgentEvent::Lose, None).await?;
    }
    if agent.pid.is_some() && agent.host == worker.identity.host.digest {
        agents::forget_process(desk, &Actor::System, agent.id).await?;
    }
    Ok(())
}

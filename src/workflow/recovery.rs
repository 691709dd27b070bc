//! Putting in order what a dead worker left: its agents are gone, their files and words are not.

use std::collections::BTreeSet;

use super::collect;
use super::error::WorkflowError;
use super::worker::Worker;
use crate::domain::agent::{Agent, AgentEvent};
use crate::domain::audit::Actor;
use crate::domain::task::{TaskEvent, TaskState};
use crate::services::tasks::TaskNote;
use crate::services::{agents, tasks};
use crate::vcs::remove_tree;

/// Finds what other, dead workers left unfinished on the project and makes it ready to go on:
/// each agent's files are snapshotted first, its task goes back to pending with its conversation,
/// and requests that were under way are settled at their upper bound.
pub(super) async fn recover(worker: &Worker) -> Result<(), WorkflowError> {
    // Throw-away trees hold nothing that is not in the repository.
    remove_tree(&worker.site.paths.scratch()).await?;
    worker.site.repository.sweep().await?;
    let all = agents::list(&worker.site.desk, Some(worker.site.project().id)).await?;
    let dead = all
        .iter()
        .filter(|agent| agent.worker != worker.identity.name);
    let workers: BTreeSet<&str> = dead.clone().map(|agent| agent.worker.as_str()).collect();
    for gone in workers {
        worker.costs.settle_orphans(gone).await?;
    }
    for agent in dead {
        recover_agent(worker, agent).await?;
    }
    Ok(())
}

async fn recover_agent(worker: &Worker, agent: &Agent) -> Result<(), WorkflowError> {
    let desk = &worker.site.desk;
    let task = tasks::reload(desk, agent.task).await?;
    if matches!(&task.state, TaskState::Running { agent: running, .. } if *running == agent.id) {
        collect::checkpoint(worker, agent, &task, "the worker died").await?;
        let note = TaskNote::default();
        tasks::advance(desk, &Actor::System, &task, TaskEvent::Interrupt, note).await?;
    }
    if agent.state.is_live() {
        agents::advance(desk, &Actor::System, agent.id, AgentEvent::Lose, None).await?;
    }
    Ok(())
}

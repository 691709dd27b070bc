//! Putting in order what a dead worker left: its agents are gone, their files and words are not.

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
    remove_tree(&worker.paths.scratch()).await?;
    worker.repository.sweep().await?;
    let lost = agents::list(&worker.desk, Some(worker.subject().id)).await?;
    for agent in lost.into_iter().filter(|agent| is_lost(worker, agent)) {
        recover_agent(worker, &agent).await?;
    }
    Ok(())
}

fn is_lost(worker: &Worker, agent: &Agent) -> bool {
    agent.state.is_live() && agent.worker != worker.identity.name
}

async fn recover_agent(worker: &Worker, agent: &Agent) -> Result<(), WorkflowError> {
    worker
        .costs
        .settle_orphans(&agent.worker)
        .await
        .map_err(|error| WorkflowError::Service(error.into()))?;
    let task = tasks::reload(&worker.desk, agent.task).await?;
    if let TaskState::Running { agent: running, .. } = task.state
        && running == agent.id
    {
        collect::checkpoint(worker, agent, &task, "the worker died").await?;
        tasks::advance(
            &worker.desk,
            &Actor::System,
            &task,
            TaskEvent::Interrupt,
            TaskNote::default(),
        )
        .await?;
    }
    agents::advance(
        &worker.desk,
        &Actor::System,
        agent.id,
        AgentEvent::Lose,
        None,
    )
    .await?;
    Ok(())
}

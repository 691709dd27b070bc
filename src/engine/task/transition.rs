//! Recording what the end of an attempt means for the agent and its task.

use super::kinds::rules_for;
use crate::agent::run::FinishedAgent;
use crate::context::error::EngineError;
use eklavya_config::StageSettings;
use eklavya_core::agent::AgentEvent;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::task::{Task, TaskEvent};
use eklavya_services::tasks::TaskUpdate;
use eklavya_services::{DataStore, Transaction, agents, tasks};

/// Returns how a task is sent back with a reason, or how the admin is asked if its attempts are
/// used up.
///
/// `base` is the commit that the clone of the next attempt starts from; `None` keeps the clone.
pub(super) fn return_or_block(
    stages: &StageSettings,
    task: &Task,
    reason: &str,
    base: Option<CommitId>,
) -> (TaskEvent, TaskUpdate) {
    let update = TaskUpdate {
        feedback: Some(Some(reason.to_owned())),
        base_commit: base,
        ..TaskUpdate::default()
    };
    if task.attempt < rules_for(task.kind).attempt_limit(stages) {
        return (TaskEvent::Return, update);
    }
    let question = format!(
        "not accepted after {} attempts; the last reason: {}",
        task.attempt,
        first_lines(reason)
    );
    (TaskEvent::Block { question }, update)
}

fn first_lines(text: &str) -> String {
    let short: String = text.lines().take(6).collect::<Vec<_>>().join("\n");
    short.chars().take(600).collect()
}

pub(super) async fn advance_task(
    data: &DataStore,
    task: &Task,
    event: TaskEvent,
    update: TaskUpdate,
) -> Result<(), EngineError> {
    tasks::advance(data, &AuditActor::System, task, event, update).await?;
    Ok(())
}

/// Records the end of an agent and what it means for its task, both or neither.
pub(super) async fn record_end(
    data: &DataStore,
    finished: &FinishedAgent,
    agent: AgentEvent,
    task: TaskEvent,
    update: TaskUpdate,
) -> Result<(), EngineError> {
    let mut change = data.begin(&AuditActor::System).await?;
    record_end_in(&mut change, finished, agent, task, update).await?;
    Ok(change.commit().await?)
}

pub(super) async fn record_end_in(
    change: &mut Transaction,
    finished: &FinishedAgent,
    agent: AgentEvent,
    task: TaskEvent,
    update: TaskUpdate,
) -> Result<(), EngineError> {
    agents::advance_in(change, finished.agent.id, agent, None).await?;
    tasks::advance_in(change, &finished.task, &task, update).await?;
    Ok(())
}

//! Tasks that running agents delegate, for work that could not be planned.
//!
//! The key of such a task is the key of its parent with a number after a dot, `T2.1`, which no
//! planned task can have. A task that depends on `T2` also waits for all its children.

use serde_json::json;

use super::tasks::{NewTask, ensure_in};
use crate::{DataStore, ServiceError};
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::AgentId;
use eklavya_core::project::Project;
use eklavya_core::task::subject::spawned_task_key;
use eklavya_core::task::{Task, TaskKind, TaskState};
use eklavya_store::{AdvisoryLock, tasks};

/// The most tasks that one task delegates.
pub const MAX_SPAWNED: usize = 12;

/// A task to delegate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnRequest {
    pub role: Role,
    /// A one-line description.
    pub title: String,
    pub description: String,
    /// The ids of the acceptance criteria.
    pub criteria: Vec<String>,
}

/// The result of delegating a task.
#[derive(Debug, Clone, PartialEq)]
pub enum SpawnOutcome {
    /// The new task, or the existing one from an equal request.
    Task(Box<Task>),
    /// [`MAX_SPAWNED`] tasks exist already.
    TooMany,
    /// The agent no longer works on the parent task.
    TaskNotRunning,
}

/// Delegates a task for `agent`, which works on the task `parent`.
pub async fn spawn(
    data: &DataStore,
    project: &Project,
    (agent, parent): (AgentId, &Task),
    request: SpawnRequest,
) -> Result<SpawnOutcome, ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(agent)).await?;
    tx.sql.lock(AdvisoryLock::Spawn).await?;
    let all = tasks::of_project(&mut tx.sql, project.id).await?;
    let at_work = |task: &&Task| task.id == parent.id && is_run_by(task, agent);
    if !all.iter().any(|task| at_work(&task)) {
        return Ok(SpawnOutcome::TaskNotRunning);
    }
    let before: Vec<&Task> = children_of(&all, &parent.key).collect();
    // A resumed session may repeat its last tool call.
    if let Some(same) = before.iter().find(|task| is_same_request(task, &request)) {
        return Ok(SpawnOutcome::Task(Box::new((*same).clone())));
    }
    if before.len() >= MAX_SPAWNED {
        return Ok(SpawnOutcome::TooMany);
    }
    let number = u32::try_from(before.len() + 1).unwrap_or(u32::MAX);
    let key = spawned_task_key(&parent.key, number);
    let details = json!({ "task": parent.key, "spawned": key, "role": request.role });
    let task = ensure_in(&mut tx, project, new_task(key, parent, request)).await?;
    tx.add_audit((Some(project.id), Some(agent)), "task.spawn", details);
    tx.commit().await?;
    Ok(SpawnOutcome::Task(Box::new(task)))
}

fn new_task(key: String, parent: &Task, request: SpawnRequest) -> NewTask {
    NewTask {
        description: request.description,
        criteria: request.criteria,
        priority: parent.priority,
        ..NewTask::new(key, TaskKind::Build, request.role, request.title)
    }
}

/// Returns those of `all` tasks that the task `key` delegated.
pub fn children_of<'a>(all: &'a [Task], key: &str) -> impl Iterator<Item = &'a Task> {
    all.iter()
        .filter(move |task| task.subject.parent_key() == Some(key))
}

fn is_run_by(task: &Task, by: AgentId) -> bool {
    match task.state {
        TaskState::Running { agent, .. } => agent == by,
        TaskState::Pending
        | TaskState::Submitted { .. }
        | TaskState::Done { .. }
        | TaskState::Blocked { .. }
        | TaskState::Cancelled { .. } => false,
    }
}

fn is_same_request(task: &Task, request: &SpawnRequest) -> bool {
    (task.role, &task.title, &task.description)
        == (request.role, &request.title, &request.description)
}

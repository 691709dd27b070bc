//! Tasks that agents hand out while they work on their own: who leads may have others do what could
//! not be planned.
//!
//! The key of such a task is that of the one it came from with a number behind a dot, `T2.1`; no plan
//! can name a task like that. What waits for `T2` waits for all that came from it.

use serde_json::json;

use super::tasks::{NewTask, ensure_in};
use crate::{DataStore, ServiceError};
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::AgentId;
use eklavya_core::project::Project;
use eklavya_core::task::{Task, TaskKind, TaskState};
use eklavya_store::{AdvisoryLock, tasks};

/// The most tasks that come from one.
pub const MAX_SPAWNED: usize = 12;

/// What another agent is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnRequest {
    /// Who does it.
    pub role: Role,
    /// A line about it.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The criteria that it serves.
    pub criteria: Vec<String>,
}

/// What came of handing out an errand.
#[derive(Debug, Clone, PartialEq)]
pub enum SpawnOutcome {
    /// It is this task, made now or, where the same was asked for before, then.
    Task(Box<Task>),
    /// There are [`MAX_SPAWNED`] already.
    TooMany,
    /// The task is not being worked on by this agent any more.
    TaskNotRunning,
}

/// Hands out an errand for `agent`, who is at work on the task `parent`.
pub async fn spawn(
    data: &DataStore,
    project: &Project,
    (agent, parent): (AgentId, &Task),
    errand: SpawnRequest,
) -> Result<SpawnOutcome, ServiceError> {
    let mut change = data.begin(&AuditActor::Agent(agent)).await?;
    change.sql.lock(AdvisoryLock::Spawn).await?;
    let all = tasks::of_project(&mut change.sql, project.id).await?;
    let at_work = |task: &&Task| task.id == parent.id && is_run_by(task, agent);
    if !all.iter().any(|task| at_work(&task)) {
        return Ok(SpawnOutcome::TaskNotRunning);
    }
    let before: Vec<&Task> = children_of(&all, &parent.key).collect();
    // A conversation that is gone on with may make its last call once more.
    if let Some(same) = before.iter().find(|task| is_same_request(task, &errand)) {
        return Ok(SpawnOutcome::Task(Box::new((*same).clone())));
    }
    if before.len() >= MAX_SPAWNED {
        return Ok(SpawnOutcome::TooMany);
    }
    let key = format!("{}.{}", parent.key, before.len() + 1);
    let details = json!({ "task": parent.key, "spawned": key, "role": errand.role });
    let new = NewTask {
        description: errand.description,
        criteria: errand.criteria,
        priority: parent.priority,
        ..NewTask::new(key, TaskKind::Build, errand.role, errand.title)
    };
    let task = ensure_in(&mut change, project, new).await?;
    change.add_audit((Some(project.id), Some(agent)), "task.spawn", details);
    change.commit().await?;
    Ok(SpawnOutcome::Task(Box::new(task)))
}

/// Returns those of `all` tasks that came from the one called `key`.
pub fn children_of<'a>(all: &'a [Task], key: &str) -> impl Iterator<Item = &'a Task> {
    all.iter().filter(move |task| {
        let rest = task.key.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
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

fn is_same_request(task: &Task, errand: &SpawnRequest) -> bool {
    (task.role, &task.title, &task.description) == (errand.role, &errand.title, &errand.description)
}

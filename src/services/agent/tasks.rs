//! Tasks: create them, and change their states.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::data_store::require_swapped;
use crate::event_log::notifications;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ids::{AgentId, ProjectId, SessionId, TaskId};
use eklavya_core::money::MicroUsd;
use eklavya_core::project::Project;
use eklavya_core::project::decision::Decision;
use eklavya_core::task::{Task, TaskEvent, TaskKind, TaskState};
use eklavya_store::{budgets, decisions, tasks};

/// A task to create.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub key: String,
    pub kind: TaskKind,
    pub role: Role,
    pub title: String,
    pub description: String,
    /// The ids of the acceptance criteria.
    pub criteria: Vec<String>,
    /// Keys of the tasks that must be done first.
    pub depends_on: Vec<String>,
    pub priority: i64,
    /// The expected cost.
    pub estimate: MicroUsd,
    /// The most that it may cost, if limited.
    pub limit: Option<MicroUsd>,
    /// Feedback of earlier work for the first attempt.
    pub feedback: Option<String>,
}

impl NewTask {
    /// Returns a task without dependencies, estimate or limit.
    pub fn new(
        key: impl Into<String>,
        kind: TaskKind,
        role: Role,
        title: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            kind,
            role,
            title: title.into(),
            description: String::new(),
            criteria: Vec::new(),
            depends_on: Vec::new(),
            priority: 0,
            estimate: MicroUsd::ZERO,
            limit: None,
            feedback: None,
        }
    }
}

/// Creates a task within the caller's transaction, unless the project has one with its key.
pub async fn ensure_in(
    tx: &mut Transaction,
    project: &Project,
    new: NewTask,
) -> Result<Task, ServiceError> {
    if let Some(task) = tasks::by_key(&mut tx.sql, project.id, &new.key).await? {
        return Ok(task);
    }
    let limit = new.limit;
    let task = pending_task(project.id, new, tx.now)?;
    tasks::insert(&mut tx.sql, &task).await?;
    budgets::set_limit(&mut tx.sql, budgets::Scope::Task(task.id), limit).await?;
    let details = json!({ "task": task.key, "kind": task.kind.name(), "role": task.role });
    tx.add_audit((Some(project.id), None), "task.create", details);
    Ok(task)
}

fn pending_task(project: ProjectId, new: NewTask, now: Timestamp) -> Result<Task, ServiceError> {
    let id = TaskId::random();
    Ok(Task {
        id,
        project,
        subject: tasks::read_subject(id, new.kind, &new.key)?,
        key: new.key,
        kind: new.kind,
        role: new.role,
        title: new.title,
        description: new.description,
        criteria: new.criteria,
        depends_on: new.depends_on,
        priority: new.priority,
        estimate: new.estimate,
        state: TaskState::Pending,
        attempt: 1,
        feedback: new.feedback,
        session: None,
        base_commit: None,
        result: None,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// Creates tasks, all or none, except those that the project has already.
pub async fn ensure(
    data: &DataStore,
    project: &Project,
    new: Vec<NewTask>,
) -> Result<Vec<Task>, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let mut made = Vec::with_capacity(new.len());
    for task in new {
        made.push(ensure_in(&mut tx, project, task).await?);
    }
    tx.commit().await?;
    Ok(made)
}

/// Returns all tasks of a project in the order of their creation.
pub async fn list(data: &DataStore, project: ProjectId) -> Result<Vec<Task>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(tasks::of_project(&mut tx, project).await?)
}

/// Returns the task of a project with this key.
pub async fn find(data: &DataStore, project: &Project, key: &str) -> Result<Task, ServiceError> {
    let mut tx = data.begin_read().await?;
    tasks::by_key(&mut tx, project.id, key)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "task",
            name: key.to_owned(),
        })
}

/// Returns the current state of a task.
pub async fn reload(data: &DataStore, id: TaskId) -> Result<Task, ServiceError> {
    let mut tx = data.begin_read().await?;
    tasks::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "task",
            name: id.to_string(),
        })
}

/// Changes of a task other than its state.
#[derive(Debug, Clone, Default)]
pub struct TaskUpdate {
    /// What the next attempt must improve; `Some(None)` clears it.
    pub feedback: Option<Option<String>>,
    /// The session to resume; `Some(None)` starts a new one.
    pub session: Option<Option<SessionId>>,
    /// The commit from which the session's clone started.
    pub base_commit: Option<CommitId>,
    /// The agent's answer.
    pub result: Option<Value>,
}

/// Applies an event to a task in its own transaction and returns the task.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    task: &Task,
    event: TaskEvent,
    note: TaskUpdate,
) -> Result<Task, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let task = advance_in(&mut tx, task, &event, note).await?;
    tx.commit().await?;
    Ok(task)
}

/// Applies an event to a task within the caller's transaction.
pub async fn advance_in(
    tx: &mut Transaction,
    task: &Task,
    event: &TaskEvent,
    note: TaskUpdate,
) -> Result<Task, ServiceError> {
    let mut next = task.clone();
    next.state = task
        .state
        .apply(event, tx.now)
        .map_err(|source| ServiceError::State {
            name: format!("task {}", task.key),
            source,
        })?;
    next.attempt += u32::from(matches!(event, TaskEvent::Return | TaskEvent::Retry));
    next.feedback = note.feedback.unwrap_or(next.feedback);
    next.session = note.session.unwrap_or(next.session);
    next.base_commit = note.base_commit.or(next.base_commit);
    next.result = note.result.or(next.result);
    next.updated_at = tx.now;
    let swapped = tasks::update(&mut tx.sql, &next).await?;
    require_swapped(swapped, || format!("task {}", task.key))?;
    next.version += 1;
    record_advance_in(tx, task, &next, event).await?;
    Ok(next)
}

async fn record_advance_in(
    tx: &mut Transaction,
    before: &Task,
    task: &Task,
    event: &TaskEvent,
) -> Result<(), ServiceError> {
    let agent = task.state.agent().or(before.state.agent());
    announce_advance_in(tx, task, agent, event).await?;
    let commit = match event {
        TaskEvent::Submit { commit } | TaskEvent::Accept { commit } => Some(commit),
        _ => None,
    };
    let details = json!({
        "task": task.key, "attempt": task.attempt, "event": event.name(),
        "from": before.state.status(), "to": task.state.status(), "feedback": task.feedback,
        "commit": commit,
    });
    tx.add_audit((Some(task.project), agent), "task.advance", details);
    Ok(())
}

/// Emits what clients and the admin are told about an event of a task.
async fn announce_advance_in(
    tx: &mut Transaction,
    task: &Task,
    agent: Option<AgentId>,
    event: &TaskEvent,
) -> Result<(), ServiceError> {
    match event {
        TaskEvent::Start { agent } => {
            let event = Event::AgentWorking {
                agent_id: *agent,
                task_id: task.id,
                description: task.title.clone(),
            };
            tx.add_event(Some(task.project), event);
        }
        TaskEvent::Block { question } => {
            notifications::notify_question_in(tx, task, agent, question).await?;
        }
        TaskEvent::Submit { .. }
        | TaskEvent::Accept { .. }
        | TaskEvent::Return
        | TaskEvent::Interrupt
        | TaskEvent::Retry
        | TaskEvent::Cancel => {}
    }
    Ok(())
}

/// Retries a blocked task with the admin's answer.
pub async fn retry(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    key: &str,
    answer: Option<String>,
) -> Result<Task, ServiceError> {
    let task = find(data, project, key).await?;
    let mut tx = data.begin(actor).await?;
    let note = TaskUpdate {
        feedback: answer
            .clone()
            .map(|answer| Some(with_answer(&task, &answer))),
        ..TaskUpdate::default()
    };
    let task = advance_in(&mut tx, &task, &TaskEvent::Retry, note).await?;
    let decision = Decision {
        project: project.id,
        subject: format!("task {}", task.key),
        decision: "retried".to_owned(),
        feedback: answer,
        decided_by: actor.to_string(),
        decided_at: tx.now,
    };
    decisions::insert(&mut tx.sql, &decision).await?;
    tx.commit().await?;
    Ok(task)
}

fn with_answer(task: &Task, answer: &str) -> String {
    match &task.feedback {
        Some(feedback) => format!("{feedback}\n\nThe admin answers: {answer}"),
        None => format!("The admin answers: {answer}"),
    }
}

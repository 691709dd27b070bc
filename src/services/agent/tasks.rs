//! Tasks: make them, and move them from state to state.

use serde_json::{Value, json};

use crate::data_store::require_swapped;
use crate::event_log::notifications;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::agent::role::Role;
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::ids::{ProjectId, SessionId, TaskId};
use eklavya_core::money::MicroUsd;
use eklavya_core::project::Project;
use eklavya_core::project::decision::Decision;
use eklavya_core::task::{Task, TaskEvent, TaskKind, TaskState};
use eklavya_store::{budgets, decisions, tasks};

/// What a new task is made from.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// What people type.
    pub key: String,
    /// What is done with its result.
    pub kind: TaskKind,
    /// Who does it.
    pub role: Role,
    /// A line about it.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The criteria that it serves.
    pub criteria: Vec<String>,
    /// Keys of the tasks that must be done first.
    pub depends_on: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// What it is expected to cost.
    pub estimate: MicroUsd,
    /// What it may cost at most, where there is a limit.
    pub limit: Option<MicroUsd>,
    /// What the first attempt must know of earlier work.
    pub feedback: Option<String>,
}

impl NewTask {
    /// Returns a task without dependencies, estimate or limit, to be filled in.
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

/// Makes a task as part of a larger change, unless the project has one with its key.
pub async fn ensure_in(
    change: &mut Transaction,
    project: &Project,
    new: NewTask,
) -> Result<Task, ServiceError> {
    if let Some(task) = tasks::by_key(&mut change.sql, project.id, &new.key).await? {
        return Ok(task);
    }
    let task = Task {
        id: TaskId::random(),
        project: project.id,
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
        created_at: change.now,
        updated_at: change.now,
    };
    tasks::insert(&mut change.sql, &task).await?;
    budgets::set_limit(&mut change.sql, budgets::Scope::Task(task.id), new.limit).await?;
    let details = json!({ "task": task.key, "kind": task.kind.name(), "role": task.role });
    change.add_audit((Some(project.id), None), "task.create", details);
    Ok(task)
}

/// Makes tasks, all or none, except those that the project has already.
pub async fn ensure(
    data: &DataStore,
    project: &Project,
    new: Vec<NewTask>,
) -> Result<Vec<Task>, ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    let mut made = Vec::with_capacity(new.len());
    for task in new {
        made.push(ensure_in(&mut change, project, task).await?);
    }
    change.commit().await?;
    Ok(made)
}

/// Returns all tasks of a project in the order in which they were made.
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

/// Returns the task as it stands now.
pub async fn reload(data: &DataStore, id: TaskId) -> Result<Task, ServiceError> {
    let mut tx = data.begin_read().await?;
    tasks::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| ServiceError::NotFound {
            what: "task",
            name: id.to_string(),
        })
}

/// What changes on a task beside its state.
#[derive(Debug, Clone, Default)]
pub struct TaskUpdate {
    /// What the next attempt must do better, in place of what was there; `Some(None)` clears it.
    pub feedback: Option<Option<String>>,
    /// The conversation to go on with; `Some(None)` starts afresh.
    pub session: Option<Option<SessionId>>,
    /// The commit that the conversation's clone started from.
    pub base_commit: Option<CommitId>,
    /// What the agent returned.
    pub result: Option<Value>,
}

/// Moves a task on in a transaction of its own and returns it as it stands then.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    task: &Task,
    event: TaskEvent,
    note: TaskUpdate,
) -> Result<Task, ServiceError> {
    let mut change = data.begin(actor).await?;
    let task = advance_in(&mut change, task, &event, note).await?;
    change.commit().await?;
    Ok(task)
}

/// Moves a task on as part of a larger change.
pub async fn advance_in(
    change: &mut Transaction,
    task: &Task,
    event: &TaskEvent,
    note: TaskUpdate,
) -> Result<Task, ServiceError> {
    let mut next = task.clone();
    next.state = task
        .state
        .apply(event, change.now)
        .map_err(|source| ServiceError::State {
            name: format!("task {}", task.key),
            source,
        })?;
    next.attempt += u32::from(matches!(event, TaskEvent::Return | TaskEvent::Retry));
    next.feedback = note.feedback.unwrap_or(next.feedback);
    next.session = note.session.unwrap_or(next.session);
    next.base_commit = note.base_commit.or(next.base_commit);
    next.result = note.result.or(next.result);
    next.updated_at = change.now;
    let swapped = tasks::update(&mut change.sql, &next).await?;
    require_swapped(swapped, || format!("task {}", task.key))?;
    next.version += 1;
    record_advance_in(change, task, &next, event).await?;
    Ok(next)
}

async fn record_advance_in(
    change: &mut Transaction,
    before: &Task,
    task: &Task,
    event: &TaskEvent,
) -> Result<(), ServiceError> {
    let agent = task.state.agent().or(before.state.agent());
    match event {
        TaskEvent::Start { agent } => {
            let event = Event::AgentWorking {
                agent_id: *agent,
                task_id: task.id,
                description: task.title.clone(),
            };
            change.add_event(Some(task.project), event);
        }
        TaskEvent::Block { question } => {
            notifications::notify_question_in(change, task, agent, question).await?;
        }
        TaskEvent::Submit { .. }
        | TaskEvent::Accept { .. }
        | TaskEvent::Return
        | TaskEvent::Interrupt
        | TaskEvent::Retry
        | TaskEvent::Cancel => {}
    }
    let commit = match event {
        TaskEvent::Submit { commit } | TaskEvent::Accept { commit } => Some(commit),
        _ => None,
    };
    let details = json!({
        "task": task.key, "attempt": task.attempt, "event": event.name(),
        "from": before.state.status(), "to": task.state.status(), "feedback": task.feedback,
        "commit": commit,
    });
    change.add_audit((Some(task.project), agent), "task.advance", details);
    Ok(())
}

/// Lets a blocked task be tried again, with what the admin answers.
pub async fn retry(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    key: &str,
    answer: Option<String>,
) -> Result<Task, ServiceError> {
    let task = find(data, project, key).await?;
    let mut change = data.begin(actor).await?;
    let note = TaskUpdate {
        feedback: answer
            .clone()
            .map(|answer| Some(with_answer(&task, &answer))),
        ..TaskUpdate::default()
    };
    let task = advance_in(&mut change, &task, &TaskEvent::Retry, note).await?;
    let decision = Decision {
        project: project.id,
        subject: format!("task {}", task.key),
        decision: "retried".to_owned(),
        feedback: answer,
        decided_by: actor.to_string(),
        decided_at: change.now,
    };
    decisions::insert(&mut change.sql, &decision).await?;
    change.commit().await?;
    Ok(task)
}

fn with_answer(task: &Task, answer: &str) -> String {
    match &task.feedback {
        Some(feedback) => format!("{feedback}\n\nThe admin answers: {answer}"),
        None => format!("The admin answers: {answer}"),
    }
}

//! The `tasks` table.

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::ids::{ProjectId, SessionId, TaskId};
use eklavya_core::task::subject::TaskSubject;
use eklavya_core::task::{Task, TaskKind};

const TABLE: &str = "tasks";

pub async fn insert(tx: &mut SqlTransaction, task: &Task) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO tasks (id, project_id, key, kind, role, title, description, \
        criteria, depends_on, priority, estimate_micros, status, state, attempt, feedback, \
        session_id, base_commit, result, version, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
        $19, $20, $21)";
    let values = params![
        task.id.0,
        task.project.0,
        &task.key,
        task.kind.name(),
        task.role.name(),
        &task.title,
        &task.description,
        crate::to_json(&task.criteria),
        crate::to_json(&task.depends_on),
        task.priority,
        task.estimate,
        task.state.status(),
        crate::to_json(&task.state),
        task.attempt,
        task.feedback.clone(),
        task.session.map(|s| s.0),
        task.base_commit
            .as_ref()
            .map(eklavya_core::ids::commit::CommitId::as_str),
        task.result.clone(),
        task.version,
        task.created_at,
        task.updated_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Writes a task back from the version that was read; returns false if another writer was faster.
pub async fn update(tx: &mut SqlTransaction, task: &Task) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE tasks SET status = $1, state = $2, attempt = $3, feedback = $4, \
        session_id = $5, base_commit = $6, result = $7, updated_at = $8, version = version + 1 \
        WHERE id = $9 AND version = $10";
    let values = params![
        task.state.status(),
        crate::to_json(&task.state),
        task.attempt,
        task.feedback.clone(),
        task.session.map(|s| s.0),
        task.base_commit
            .as_ref()
            .map(eklavya_core::ids::commit::CommitId::as_str),
        task.result.clone(),
        task.updated_at,
        task.id.0,
        task.version,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

pub async fn by_id(tx: &mut SqlTransaction, id: TaskId) -> Result<Option<Task>, StoreError> {
    const SQL: &str = "SELECT * FROM tasks WHERE id = $1";
    tx.fetch_optional(SQL, params![id.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns the task of a project with this key.
pub async fn by_key(
    tx: &mut SqlTransaction,
    project: ProjectId,
    key: &str,
) -> Result<Option<Task>, StoreError> {
    const SQL: &str = "SELECT * FROM tasks WHERE project_id = $1 AND lower(key) = lower($2)";
    tx.fetch_optional(SQL, params![project.0, key])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns all tasks of a project, the oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Task>, StoreError> {
    const SQL: &str =
        "SELECT * FROM tasks WHERE project_id = $1 ORDER BY created_at, priority DESC, key";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Reads what the key of a task states.
///
/// # Errors
/// [`StoreError::Corrupt`] if the key does not have the form of the task's kind.
pub fn read_subject(id: TaskId, kind: TaskKind, key: &str) -> Result<TaskSubject, StoreError> {
    TaskSubject::read(kind, key).map_err(|error| StoreError::Corrupt {
        table: TABLE,
        column: "key",
        id: id.to_string(),
        reason: error.to_string(),
    })
}

fn read(record: &DatabaseRow) -> Result<Task, StoreError> {
    let row = record.reader(TABLE);
    let base_commit = row.opt_text("base_commit")?;
    let (id, kind, key) = (TaskId(row.id("id")?), row.parse("kind")?, row.text("key")?);
    Ok(Task {
        id,
        project: ProjectId(row.id("project_id")?),
        subject: read_subject(id, kind, &key)?,
        key,
        kind,
        role: row.parse("role")?,
        title: row.text("title")?,
        description: row.text("description")?,
        criteria: row.json("criteria")?,
        depends_on: row.json("depends_on")?,
        priority: row.int("priority")?,
        estimate: row.money("estimate_micros")?,
        state: row.json("state")?,
        attempt: row.uint("attempt")?,
        feedback: row.opt_text("feedback")?,
        session: row.opt_id("session_id")?.map(SessionId),
        base_commit: base_commit.map(|_| row.parse("base_commit")).transpose()?,
        result: row.opt_json("result")?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
        updated_at: row.timestamp("updated_at")?,
    })
}

//! The `demos` table.

use crate::params;
use crate::{DatabaseRow, RowReader, SqlTransaction, StoreError};
use eklavya_core::demo::{Demo, PreviewProcess};
use eklavya_core::ids::{DemoId, ProjectId, TaskId};

const TABLE: &str = "demos";

pub async fn insert(tx: &mut SqlTransaction, demo: &Demo) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO demos (id, project_id, task_id, number, round, direction, status, \
        state, commit_id, preview_url, preview_pid, preview_start, feedback, version, created_at, \
        approved_at, preview_host) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let values = params![
        demo.id.0,
        demo.project.0,
        demo.task.0,
        demo.number,
        demo.round,
        &demo.direction,
        demo.state.status(),
        crate::to_json(&demo.state),
        demo.commit
            .as_ref()
            .map(eklavya_core::ids::commit::CommitId::as_str),
        demo.preview_url.clone(),
        demo.preview.as_ref().map(|p| p.pid),
        demo.preview.as_ref().map(|p| p.start),
        demo.feedback.clone(),
        demo.version,
        demo.created_at,
        demo.approved_at,
        demo.preview.as_ref().map(|p| p.host.clone()),
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Updates a demo from the version that was read; false if another process changed it first.
pub async fn update(tx: &mut SqlTransaction, demo: &Demo) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE demos SET status = $1, state = $2, commit_id = $3, preview_url = $4, \
        preview_pid = $5, preview_start = $6, feedback = $7, approved_at = $8, \
        preview_host = $11, version = version + 1 WHERE id = $9 AND version = $10";
    let values = params![
        demo.state.status(),
        crate::to_json(&demo.state),
        demo.commit
            .as_ref()
            .map(eklavya_core::ids::commit::CommitId::as_str),
        demo.preview_url.clone(),
        demo.preview.as_ref().map(|p| p.pid),
        demo.preview.as_ref().map(|p| p.start),
        demo.feedback.clone(),
        demo.approved_at,
        demo.id.0,
        demo.version,
        demo.preview.as_ref().map(|p| p.host.clone()),
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

pub async fn by_number(
    tx: &mut SqlTransaction,
    project: ProjectId,
    number: u32,
) -> Result<Option<Demo>, StoreError> {
    const SQL: &str = "SELECT * FROM demos WHERE project_id = $1 AND number = $2";
    tx.fetch_optional(SQL, params![project.0, number])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns all demos of a project, by number.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Demo>, StoreError> {
    const SQL: &str = "SELECT * FROM demos WHERE project_id = $1 ORDER BY number";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Demo, StoreError> {
    let row = record.reader(TABLE);
    let commit = row.opt_text("commit_id")?;
    Ok(Demo {
        id: DemoId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        task: TaskId(row.id("task_id")?),
        number: row.uint("number")?,
        round: row.uint("round")?,
        direction: row.text("direction")?,
        state: row.json("state")?,
        commit: commit.map(|_| row.parse("commit_id")).transpose()?,
        preview_url: row.opt_text("preview_url")?,
        preview: read_preview(&row)?,
        feedback: row.opt_text("feedback")?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
        approved_at: row.opt_timestamp("approved_at")?,
    })
}

fn read_preview(row: &RowReader<'_>) -> Result<Option<PreviewProcess>, StoreError> {
    let (pid, start) = (row.opt_int("preview_pid")?, row.opt_int("preview_start")?);
    Ok(match (pid, start) {
        (Some(_), Some(start)) => Some(PreviewProcess {
            host: row.opt_text("preview_host")?.unwrap_or_default(),
            pid: row.uint("preview_pid")?,
            start,
        }),
        _ => None,
    })
}

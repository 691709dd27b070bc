//! The `jobs` table: the queue of background workers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::params;
use crate::{DatabaseRow, SqlDialect, SqlTransaction, StoreError, projects};
use eklavya_core::ids::{JobId, ProjectId};
use eklavya_core::job::{Job, JobGoal};
use eklavya_core::project::Project;
use eklavya_core::project::priority::ProjectPriority;

const TABLE: &str = "jobs";

/// Inserts a job; false if the project has an open job for this goal.
pub async fn insert(tx: &mut SqlTransaction, job: &Job) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO jobs (id, project_id, goal, status, state, priority, \
        used_micros, worked_micros, requested_by, worker, attempt, version, created_at, \
        started_at, ended_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
        ON CONFLICT (project_id, goal) WHERE status IN ('queued', 'running', 'cancelling') \
        DO NOTHING";
    let values = params![
        job.id.0,
        job.project.0,
        job.goal.name(),
        job.state.status(),
        crate::to_json(&job.state),
        job.priority.get(),
        job.used_micros,
        job.worked_micros,
        &job.requested_by,
        job.state.worker().map(|(worker, _)| worker),
        job.attempt,
        job.version,
        job.created_at,
        job.started_at,
        job.ended_at,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Updates a job from the version that was read; false if another process changed it first.
pub async fn update(tx: &mut SqlTransaction, job: &Job) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE jobs SET status = $1, state = $2, used_micros = $3, \
        worked_micros = $4, worker = $5, attempt = $6, started_at = $7, ended_at = $8, \
        version = version + 1 WHERE id = $9 AND version = $10";
    let values = params![
        job.state.status(),
        crate::to_json(&job.state),
        job.used_micros,
        job.worked_micros,
        job.state.worker().map(|(worker, _)| worker),
        job.attempt,
        job.started_at,
        job.ended_at,
        job.id.0,
        job.version,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The most projects that one query returns as candidates for a claim.
const CANDIDATE_LIMIT: u32 = 32;

/// The SQL of a query for the queued jobs that workers take next, in that order.
///
/// A project offers only its oldest job, and none while another of its jobs runs or the project is
/// paused or archived.
macro_rules! next_jobs_sql {
    ($columns:literal, $which:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM jobs j JOIN projects p ON p.id = j.project_id \
            WHERE j.status = 'queued' AND p.status NOT IN ('paused', 'archived') AND ",
            $which,
            " AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.project_id = j.project_id \
                AND (o.status IN ('running', 'cancelling') OR (o.status = 'queued' \
                AND (o.created_at, o.id) < (j.created_at, j.id)))) \
            ORDER BY j.priority DESC, j.used_micros, j.created_at, j.id LIMIT ",
            $rest
        )
    };
}

/// Returns the projects whose queued jobs workers take next, in that order: at most 32, and none of
/// `passed_over`. It locks nothing, so other workers can take the same jobs.
pub async fn next_projects(
    tx: &mut SqlTransaction,
    passed_over: &BTreeSet<ProjectId>,
) -> Result<Vec<Project>, StoreError> {
    const SQLITE: &str = next_jobs_sql!(
        "p.*",
        "lower(hex(j.project_id)) NOT IN (SELECT value FROM json_each($1))",
        "$2"
    );
    const POSTGRES: &str = next_jobs_sql!(
        "p.*",
        "NOT ($1 ? replace(j.project_id::text, '-', ''))",
        "$2"
    );
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let found = tx
        .fetch_all(sql, params![id_list(passed_over), CANDIDATE_LIMIT])
        .await?;
    found.iter().map(projects::read).collect()
}

/// Returns the queued job that is next among the projects `among`, and locks it until the transaction
/// ends. It skips a job that another transaction has locked, so a transaction must not lock a job that
/// its worker does not take.
pub async fn next_queued(
    tx: &mut SqlTransaction,
    among: &BTreeSet<ProjectId>,
) -> Result<Option<Job>, StoreError> {
    const SQLITE: &str = next_jobs_sql!(
        "j.*",
        "lower(hex(j.project_id)) IN (SELECT value FROM json_each($1))",
        "1"
    );
    const POSTGRES: &str = next_jobs_sql!(
        "j.*",
        "$1 ? replace(j.project_id::text, '-', '')",
        "1 FOR UPDATE OF j SKIP LOCKED"
    );
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let found = tx.fetch_optional(sql, params![id_list(among)]).await?;
    found.as_ref().map(read).transpose()
}

fn id_list(projects: &BTreeSet<ProjectId>) -> Value {
    let ids = projects.iter().map(|id| id.0.simple().to_string());
    json!(ids.collect::<Vec<String>>())
}

/// Returns how long the jobs of a project ran that ended or were released since `since`, in
/// microseconds.
pub async fn worked_since(
    tx: &mut SqlTransaction,
    project: ProjectId,
    since: Timestamp,
) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT CAST(COALESCE(SUM(worked_micros), 0) AS BIGINT) AS worked_micros \
        FROM jobs WHERE project_id = $1 AND started_at >= $2";
    match tx.fetch_optional(SQL, params![project.0, since]).await? {
        Some(record) => record.reader(TABLE).int("worked_micros"),
        None => Ok(0),
    }
}

/// Sets the priority of a project's queued jobs.
pub async fn set_priority(
    tx: &mut SqlTransaction,
    project: ProjectId,
    priority: ProjectPriority,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE jobs SET priority = $1 WHERE project_id = $2 AND ended_at IS NULL";
    tx.execute(SQL, params![priority.get(), project.0])
        .await
        .map(|_| ())
}

pub async fn by_id(tx: &mut SqlTransaction, id: JobId) -> Result<Option<Job>, StoreError> {
    const SQL: &str = "SELECT * FROM jobs WHERE id = $1";
    let found = tx.fetch_optional(SQL, params![id.0]).await?;
    found.as_ref().map(read).transpose()
}

/// Returns the jobs whose id starts with `prefix`.
pub async fn by_prefix(tx: &mut SqlTransaction, prefix: &str) -> Result<Vec<Job>, StoreError> {
    let digits: String = prefix.chars().filter(|c| *c != '-').collect();
    let digits = digits.to_lowercase();
    let is_meant = |job: &Job| job.id.0.simple().to_string().starts_with(&digits);
    Ok(all(tx).await?.into_iter().filter(is_meant).collect())
}

/// Returns the open job of a project for a goal.
pub async fn find_open(
    tx: &mut SqlTransaction,
    project: ProjectId,
    goal: JobGoal,
) -> Result<Option<Job>, StoreError> {
    const SQL: &str = "SELECT * FROM jobs WHERE project_id = $1 AND goal = $2 \
        AND status IN ('queued', 'running', 'cancelling')";
    let found = tx
        .fetch_optional(SQL, params![project.0, goal.name()])
        .await?;
    found.as_ref().map(read).transpose()
}

/// Returns the open jobs, oldest first.
pub async fn list_open(tx: &mut SqlTransaction) -> Result<Vec<Job>, StoreError> {
    const SQL: &str = "SELECT * FROM jobs WHERE status IN ('queued', 'running', 'cancelling') \
        ORDER BY created_at, id";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns all jobs, oldest first.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<Job>, StoreError> {
    const SQL: &str = "SELECT * FROM jobs ORDER BY created_at, id";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the jobs of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Job>, StoreError> {
    const SQL: &str = "SELECT * FROM jobs WHERE project_id = $1 ORDER BY created_at, id";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Job, StoreError> {
    let row = record.reader(TABLE);
    Ok(Job {
        id: JobId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        goal: row.parse("goal")?,
        state: row.json("state")?,
        priority: crate::tables::project::priorities::read(&row)?,
        used_micros: row.int("used_micros")?,
        worked_micros: row.int("worked_micros")?,
        requested_by: row.text("requested_by")?,
        attempt: row.uint("attempt")?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
        started_at: row.opt_timestamp("started_at")?,
        ended_at: row.opt_timestamp("ended_at")?,
    })
}

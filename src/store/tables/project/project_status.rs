//! The status of projects: counts over several tables, read with one statement for any number of
//! projects.

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::ids::ProjectId;
use eklavya_core::project::ProjectState;

const TABLE: &str = "projects";

/// A project without its brief, with the numbers of its tasks and agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectStatus {
    pub project: ProjectId,
    pub slug: String,
    pub state: ProjectState,
    /// In percent.
    pub progress: u32,
    /// Whether all its agents ran in a sandbox.
    pub sandboxed: bool,
    /// Whether a rehearsal answers in place of a model.
    pub is_rehearsed: bool,
    pub tasks: u32,
    pub tasks_done: u32,
    /// Tasks that wait for an answer.
    pub tasks_blocked: u32,
    /// Agents that have not ended.
    pub live_agents: u32,
    /// Why its next agents wait for capacity, if the worker that holds the lease recorded it.
    pub waiting: Option<String>,
}

/// Expands to the statement. `$counted` limits the rows that are counted, `$shown` the projects.
macro_rules! select_status {
    ($counted:literal, $shown:literal) => {
        concat!(
            "SELECT p.id, p.slug, p.state, p.progress, p.sandboxed, p.rehearsal, \
            COALESCE(t.tasks, 0) AS tasks, COALESCE(t.tasks_done, 0) AS tasks_done, \
            COALESCE(t.tasks_blocked, 0) AS tasks_blocked, \
            COALESCE(a.live_agents, 0) AS live_agents, w.reason AS waiting \
            FROM projects p \
            LEFT JOIN (SELECT project_id, COUNT(*) AS tasks, \
                COUNT(*) FILTER (WHERE status = 'done') AS tasks_done, \
                COUNT(*) FILTER (WHERE status = 'blocked') AS tasks_blocked \
                FROM tasks ",
            $counted,
            " GROUP BY project_id) t ON t.project_id = p.id \
            LEFT JOIN (SELECT project_id, \
                COUNT(*) FILTER (WHERE status IN ('starting', 'running')) AS live_agents \
                FROM agents ",
            $counted,
            " GROUP BY project_id) a ON a.project_id = p.id \
            LEFT JOIN leases l ON l.project_id = p.id \
            LEFT JOIN capacity_waits w ON w.project_id = p.id AND w.worker = l.worker ",
            $shown,
            " ORDER BY p.number"
        )
    };
}

/// Returns the status of all projects, oldest first.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<ProjectStatus>, StoreError> {
    const SQL: &str = select_status!("", "");
    let found = tx.fetch_all(SQL, params![]).await?;
    found.iter().map(read).collect()
}

/// Returns the status of a project.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Option<ProjectStatus>, StoreError> {
    const SQL: &str = select_status!("WHERE project_id = $1", "WHERE p.id = $1");
    let found = tx.fetch_optional(SQL, params![project.0]).await?;
    found.as_ref().map(read).transpose()
}

fn read(record: &DatabaseRow) -> Result<ProjectStatus, StoreError> {
    let row = record.reader(TABLE);
    Ok(ProjectStatus {
        project: ProjectId(row.id("id")?),
        slug: row.text("slug")?,
        state: row.json("state")?,
        progress: row.uint("progress")?,
        sandboxed: row.flag("sandboxed")?,
        is_rehearsed: row.opt_text("rehearsal")?.is_some(),
        tasks: row.uint("tasks")?,
        tasks_done: row.uint("tasks_done")?,
        tasks_blocked: row.uint("tasks_blocked")?,
        live_agents: row.uint("live_agents")?,
        waiting: row.opt_text("waiting")?,
    })
}

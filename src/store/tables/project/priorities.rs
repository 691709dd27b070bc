//! The `priorities` table: projects whose priority is not the default.

use crate::params;
use crate::{RowReader, SqlTransaction, StoreError};
use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;

const TABLE: &str = "priorities";

/// Returns the priority of a project.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<ProjectPriority, StoreError> {
    const SQL: &str = "SELECT priority FROM priorities WHERE project_id = $1";
    let found = tx.fetch_optional(SQL, params![project.0]).await?;
    found.map_or(Ok(ProjectPriority::default()), |record| {
        read(&record.reader(TABLE))
    })
}

/// Sets the priority of a project.
pub async fn set(
    tx: &mut SqlTransaction,
    project: ProjectId,
    priority: ProjectPriority,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO priorities (project_id, priority) VALUES ($1, $2) \
        ON CONFLICT (project_id) DO UPDATE SET priority = excluded.priority";
    tx.execute(SQL, params![project.0, priority.get()])
        .await
        .map(|_| ())
}

/// Reads the column `priority` of a row.
pub(crate) fn read(row: &RowReader<'_>) -> Result<ProjectPriority, StoreError> {
    ProjectPriority::new(row.uint("priority")?).map_err(|reason| row.corrupt("priority", reason))
}

//! The `priorities` table: projects whose priority is not the one in the middle.

use super::{Fields, StoreError, Tx};
use crate::params;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::priority::Priority;

const TABLE: &str = "priorities";

/// Returns the priority of a project.
pub async fn of_project(tx: &mut Tx, project: ProjectId) -> Result<Priority, StoreError> {
    const SQL: &str = "SELECT priority FROM priorities WHERE project_id = $1";
    let found = tx.fetch_optional(SQL, params![project.0]).await?;
    found.map_or(Ok(Priority::default()), |record| read(&record.of(TABLE)))
}

/// Gives a project a priority.
pub async fn set(tx: &mut Tx, project: ProjectId, priority: Priority) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO priorities (project_id, priority) VALUES ($1, $2) \
        ON CONFLICT (project_id) DO UPDATE SET priority = excluded.priority";
    tx.execute(SQL, params![project.0, priority.get()])
        .await
        .map(|_| ())
}

/// Reads the column `priority` of a row.
pub(super) fn read(row: &Fields<'_>) -> Result<Priority, StoreError> {
    Priority::new(row.count("priority")?).map_err(|reason| row.corrupt("priority", reason))
}

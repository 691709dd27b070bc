//! The `plans` table.

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::ids::{PlanId, ProjectId};
use eklavya_core::plan::Plan;

const TABLE: &str = "plans";

pub async fn insert(tx: &mut SqlTransaction, plan: &Plan) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO plans (id, project_id, number, status, state, document, version, \
        created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = params![
        plan.id.0,
        plan.project.0,
        plan.number,
        plan.state.status(),
        crate::to_json(&plan.state),
        plan.document.as_ref().map(crate::to_json),
        plan.version,
        plan.created_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Updates a plan from the version that was read; false if another process changed it first.
pub async fn update(tx: &mut SqlTransaction, plan: &Plan) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE plans SET status = $1, state = $2, document = $3, \
        version = version + 1 WHERE id = $4 AND version = $5";
    let values = params![
        plan.state.status(),
        crate::to_json(&plan.state),
        plan.document.as_ref().map(crate::to_json),
        plan.id.0,
        plan.version,
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Returns the newest plan of a project.
pub async fn newest(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Option<Plan>, StoreError> {
    const SQL: &str = "SELECT * FROM plans WHERE project_id = $1 ORDER BY number DESC LIMIT 1";
    tx.fetch_optional(SQL, params![project.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Returns all plans of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Plan>, StoreError> {
    const SQL: &str = "SELECT * FROM plans WHERE project_id = $1 ORDER BY number";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Plan, StoreError> {
    let row = record.reader(TABLE);
    Ok(Plan {
        id: PlanId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        number: row.uint("number")?,
        state: row.json("state")?,
        document: row.opt_json("document")?,
        version: row.int("version")?,
        created_at: row.timestamp("created_at")?,
    })
}

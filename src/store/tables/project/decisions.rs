//! The `decisions` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};
use uuid::Uuid;

use crate::params;
use eklavya_core::ids::ProjectId;
use eklavya_core::project::decision::Decision;

const TABLE: &str = "decisions";

pub async fn insert(tx: &mut SqlTransaction, decision: &Decision) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO decisions (id, project_id, subject, decision, feedback, \
        decided_by, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = params![
        Uuid::new_v4(),
        decision.project.0,
        &decision.subject,
        &decision.decision,
        decision.feedback.clone(),
        &decision.decided_by,
        decision.decided_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns all decisions on a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Decision>, StoreError> {
    const SQL: &str = "SELECT * FROM decisions WHERE project_id = $1 ORDER BY decided_at, subject";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Decision, StoreError> {
    let row = record.reader(TABLE);
    Ok(Decision {
        project: ProjectId(row.id("project_id")?),
        subject: row.text("subject")?,
        decision: row.text("decision")?,
        feedback: row.opt_text("feedback")?,
        decided_by: row.text("decided_by")?,
        decided_at: row.timestamp("decided_at")?,
    })
}

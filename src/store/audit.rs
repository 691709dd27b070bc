//! The `audit_logs` table: append-only, which triggers enforce.

use super::{Record, StoreError, Tx};
use jiff::Timestamp;

use crate::domain::audit::AuditEntry;
use crate::domain::ids::ProjectId;
use crate::params;

const TABLE: &str = "audit_logs";

/// A line of the audit trail as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAudit {
    /// Its place.
    pub id: i64,
    /// When it was written.
    pub at: Timestamp,
    /// Who acted.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The particulars.
    pub details: serde_json::Value,
}

/// Appends a line.
pub async fn append(tx: &mut Tx, entry: &AuditEntry, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO audit_logs (timestamp, project_id, agent_id, actor, action, \
        details) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = params![
        now,
        entry.project.map(|p| p.0),
        entry.agent.map(|a| a.0),
        entry.actor.to_string(),
        &entry.action,
        entry.details.clone(),
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns the audit trail of a project, oldest first.
pub async fn of_project(tx: &mut Tx, project: ProjectId) -> Result<Vec<StoredAudit>, StoreError> {
    const SQL: &str = "SELECT * FROM audit_logs WHERE project_id = $1 ORDER BY id";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &Record) -> Result<StoredAudit, StoreError> {
    let row = record.of(TABLE);
    Ok(StoredAudit {
        id: row.int("id")?,
        at: row.moment("timestamp")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        details: row.json("details")?,
    })
}

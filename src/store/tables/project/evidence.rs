//! The `evidence` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};
use uuid::Uuid;

use crate::params;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::task::evidence::Evidence;

const TABLE: &str = "evidence";

/// Inserts the evidence for a criterion, or replaces the evidence of the same round.
pub async fn put(tx: &mut SqlTransaction, evidence: &Evidence) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO evidence (id, project_id, round, criterion, commit_id, agent_id, \
        role, command, exit, output, passed, reason, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
        ON CONFLICT (project_id, round, criterion) DO UPDATE SET commit_id = excluded.commit_id, \
        agent_id = excluded.agent_id, role = excluded.role, command = excluded.command, \
        exit = excluded.exit, output = excluded.output, passed = excluded.passed, \
        reason = excluded.reason, created_at = excluded.created_at";
    let values = params![
        Uuid::new_v4(),
        evidence.project.0,
        evidence.round,
        &evidence.criterion,
        evidence.commit.as_str(),
        evidence.agent.0,
        evidence.role.name(),
        evidence.command.clone(),
        evidence.exit.clone(),
        &evidence.output,
        evidence.passed,
        &evidence.reason,
        evidence.created_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns all evidence of a project, by round and criterion.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Evidence>, StoreError> {
    const SQL: &str = "SELECT * FROM evidence WHERE project_id = $1 ORDER BY round, criterion";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Evidence, StoreError> {
    let row = record.reader(TABLE);
    Ok(Evidence {
        project: ProjectId(row.id("project_id")?),
        round: row.uint("round")?,
        criterion: row.text("criterion")?,
        commit: row.parse("commit_id")?,
        agent: AgentId(row.id("agent_id")?),
        role: row.parse("role")?,
        command: row.opt_text("command")?,
        exit: row.opt_text("exit")?,
        output: row.text("output")?,
        passed: row.flag("passed")?,
        reason: row.text("reason")?,
        created_at: row.timestamp("created_at")?,
    })
}

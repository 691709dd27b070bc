//! The `checkpoints` table.

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::agent::checkpoint::Checkpoint;
use eklavya_core::ids::{AgentId, CheckpointId, ProjectId};

const TABLE: &str = "checkpoints";

pub async fn insert(tx: &mut SqlTransaction, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO checkpoints (id, project_id, agent_id, state, file_snapshot, \
        resume_instructions, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = params![
        checkpoint.id.0,
        checkpoint.project.0,
        checkpoint.agent.0,
        crate::to_json(&checkpoint.state),
        checkpoint.file_snapshot.as_str(),
        &checkpoint.resume_instructions,
        checkpoint.created_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns all checkpoints of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Checkpoint>, StoreError> {
    const SQL: &str = "SELECT * FROM checkpoints WHERE project_id = $1 ORDER BY created_at, id";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Checkpoint, StoreError> {
    let row = record.reader(TABLE);
    Ok(Checkpoint {
        id: CheckpointId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        agent: AgentId(row.id("agent_id")?),
        state: row.json("state")?,
        file_snapshot: row.parse("file_snapshot")?,
        resume_instructions: row.text("resume_instructions")?,
        created_at: row.timestamp("created_at")?,
    })
}

//! The `artifacts` table.

use crate::{DatabaseRow, SqlTransaction, StoreError};

use crate::params;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::ids::{AgentId, ArtifactId, ProjectId};

const TABLE: &str = "artifacts";

pub async fn insert(tx: &mut SqlTransaction, artifact: &Artifact) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO artifacts (id, project_id, agent_id, subject, media_type, \
        sha256, bytes, width, height, url, title, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = params![
        artifact.id.0,
        artifact.project.0,
        artifact.agent.map(|agent| agent.0),
        &artifact.subject,
        &artifact.media_type,
        &artifact.sha256,
        artifact.bytes,
        artifact.width,
        artifact.height,
        &artifact.url,
        &artifact.title,
        artifact.created_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns all artifacts of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Artifact>, StoreError> {
    const SQL: &str = "SELECT * FROM artifacts WHERE project_id = $1 ORDER BY created_at, id";
    tx.fetch_all(SQL, params![project.0])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<Artifact, StoreError> {
    let row = record.reader(TABLE);
    Ok(Artifact {
        id: ArtifactId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        agent: row.opt_id("agent_id")?.map(AgentId),
        subject: row.text("subject")?,
        media_type: row.text("media_type")?,
        sha256: row.text("sha256")?,
        bytes: row.uint("bytes")?,
        width: row.uint("width")?,
        height: row.uint("height")?,
        url: row.text("url")?,
        title: row.text("title")?,
        created_at: row.timestamp("created_at")?,
    })
}

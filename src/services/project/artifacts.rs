//! Artifacts: record files that document the work.

use serde_json::json;

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::artifact::Artifact;
use eklavya_core::ids::ProjectId;
use eklavya_store::artifacts;

/// Records an artifact, whose content is stored already.
pub async fn record(data: &DataStore, artifact: &Artifact) -> Result<(), ServiceError> {
    let actor = artifact.agent.map_or(AuditActor::System, AuditActor::Agent);
    let mut tx = data.begin(&actor).await?;
    artifacts::insert(&mut tx.sql, artifact).await?;
    let details = json!({
        "artifact": artifact.id, "subject": artifact.subject, "mediaType": artifact.media_type,
        "sha256": artifact.sha256, "bytes": artifact.bytes, "url": artifact.url,
    });
    let about = (Some(artifact.project), artifact.agent);
    tx.add_audit(about, "artifact.record", details);
    tx.commit().await?;
    Ok(())
}

/// Returns the artifacts of a project, oldest first.
pub async fn of_project(
    data: &DataStore,
    project: ProjectId,
) -> Result<Vec<Artifact>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(artifacts::of_project(&mut tx, project).await?)
}

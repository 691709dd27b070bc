//! Artifacts: keep what shows something about the work.

use serde_json::json;

use super::{Desk, ServiceError};
use eklavya_core::domain::artifact::Artifact;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_store::artifacts;

/// Notes an artifact; its content is kept already.
pub async fn record(desk: &Desk, artifact: &Artifact) -> Result<(), ServiceError> {
    let actor = artifact.agent.map_or(Actor::System, Actor::Agent);
    let mut change = desk.change(&actor).await?;
    artifacts::insert(&mut change.tx, artifact).await?;
    let details = json!({
        "artifact": artifact.id, "subject": artifact.subject, "mediaType": artifact.media_type,
        "sha256": artifact.sha256, "bytes": artifact.bytes, "url": artifact.url,
    });
    let about = (Some(artifact.project), artifact.agent);
    change.audit(about, "artifact.record", details);
    change.commit().await?;
    Ok(())
}

/// Returns the artifacts of a project, oldest first.
pub async fn of_project(desk: &Desk, project: ProjectId) -> Result<Vec<Artifact>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(artifacts::of_project(&mut tx, project).await?)
}

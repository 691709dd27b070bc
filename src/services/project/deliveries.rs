//! Deliveries: record the result that the client gets.

use serde_json::json;

use super::projects;
use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::project::delivery::Delivery;
use eklavya_core::project::{Project, ProjectEvent};
use eklavya_store::deliveries;

/// Records a delivery and advances the project.
pub async fn record(
    data: &DataStore,
    project: &Project,
    delivery: &Delivery,
) -> Result<Project, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    deliveries::insert(&mut tx.sql, delivery).await?;
    let project = projects::advance_in(&mut tx, project, ProjectEvent::Deliver).await?;
    let details = json!({
        "commit": delivery.commit, "tag": delivery.tag, "bundleSha256": delivery.bundle_sha256,
    });
    tx.add_audit((Some(project.id), None), "project.deliver", details);
    tx.commit().await?;
    Ok(project)
}

/// Returns the delivery of a project, if any.
pub async fn of_project(
    data: &DataStore,
    project: &Project,
) -> Result<Option<Delivery>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(deliveries::of_project(&mut tx, project.id).await?)
}

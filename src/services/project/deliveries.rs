//! Deliveries: note what the client gets.

use serde_json::json;

use super::projects;
use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::project::delivery::Delivery;
use eklavya_core::project::{Project, ProjectEvent};
use eklavya_store::deliveries;

/// Notes a delivery and moves the project on.
pub async fn record(
    data: &DataStore,
    project: &Project,
    delivery: &Delivery,
) -> Result<Project, ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    deliveries::insert(&mut change.sql, delivery).await?;
    let project = projects::advance_in(&mut change, project, ProjectEvent::Deliver).await?;
    let details = json!({
        "commit": delivery.commit, "tag": delivery.tag, "bundleSha256": delivery.bundle_sha256,
    });
    change.add_audit((Some(project.id), None), "project.deliver", details);
    change.commit().await?;
    Ok(project)
}

/// Returns the delivery of a project, if it was delivered.
pub async fn of_project(
    data: &DataStore,
    project: &Project,
) -> Result<Option<Delivery>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(deliveries::of_project(&mut tx, project.id).await?)
}

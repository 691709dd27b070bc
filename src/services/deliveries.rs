//! Deliveries: note what the client gets.

use serde_json::json;

use super::{Desk, ServiceError, projects};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::delivery::Delivery;
use eklavya_core::domain::project::{Project, ProjectEvent};
use eklavya_store::deliveries;

/// Notes a delivery and moves the project on.
pub async fn record(
    desk: &Desk,
    project: &Project,
    delivery: &Delivery,
) -> Result<Project, ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    deliveries::insert(&mut change.tx, delivery).await?;
    let project = projects::advance_in(&mut change, project, ProjectEvent::Deliver).await?;
    let details = json!({
        "commit": delivery.commit, "tag": delivery.tag, "bundleSha256": delivery.bundle_sha256,
    });
    change.audit((Some(project.id), None), "project.deliver", details);
    change.commit().await?;
    Ok(project)
}

/// Returns the delivery of a project, if it was delivered.
pub async fn of(desk: &Desk, project: &Project) -> Result<Option<Delivery>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(deliveries::of_project(&mut tx, project.id).await?)
}

//! What is known to everybody about agents that wait for room on the machine.

use super::{Desk, ServiceError};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_store::capacity_waits::{self, CapacityWait};

/// Writes down that agents of a project wait for room.
pub async fn note_wait(
    desk: &Desk,
    project: ProjectId,
    worker: &str,
    agents: u32,
    reason: &str,
) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    let wait = CapacityWait {
        project,
        worker: worker.to_owned(),
        agents,
        reason: reason.to_owned(),
        since: change.now,
    };
    capacity_waits::put(&mut change.tx, &wait).await?;
    super::jobs::announce(&mut change, project).await?;
    Ok(change.commit().await?)
}

/// Notes that no agents of a project wait any more.
pub async fn note_room(desk: &Desk, project: ProjectId) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    capacity_waits::remove(&mut change.tx, project).await?;
    super::jobs::announce(&mut change, project).await?;
    Ok(change.commit().await?)
}

/// Returns what the agents of a project wait for, if they do.
pub async fn wait_of(
    desk: &Desk,
    project: ProjectId,
) -> Result<Option<CapacityWait>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(capacity_waits::of_project(&mut tx, project).await?)
}

//! What is known to everybody about agents that wait for room on the machine.

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_store::capacity_waits::{self, CapacityWait};

/// Writes down that agents of a project wait for room.
pub async fn record_wait(
    data: &DataStore,
    project: ProjectId,
    worker: &str,
    agents: u32,
    reason: &str,
) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    let wait = CapacityWait {
        project,
        worker: worker.to_owned(),
        agents,
        reason: reason.to_owned(),
        since: change.now,
    };
    capacity_waits::put(&mut change.sql, &wait).await?;
    super::jobs::emit_project_status(&mut change, project).await?;
    Ok(change.commit().await?)
}

/// Notes that no agents of a project wait any more.
pub async fn clear_wait(data: &DataStore, project: ProjectId) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    capacity_waits::remove(&mut change.sql, project).await?;
    super::jobs::emit_project_status(&mut change, project).await?;
    Ok(change.commit().await?)
}

/// Returns what the agents of a project wait for, if they do.
pub async fn find_wait(
    data: &DataStore,
    project: ProjectId,
) -> Result<Option<CapacityWait>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(capacity_waits::of_project(&mut tx, project).await?)
}

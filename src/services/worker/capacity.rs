//! Records which projects' agents wait for capacity on the machine.

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_store::capacity_waits::{self, CapacityWait};

/// Records that agents of a project wait for capacity.
pub async fn record_wait(
    data: &DataStore,
    project: ProjectId,
    worker: &str,
    agents: u32,
    reason: &str,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let wait = CapacityWait {
        project,
        worker: worker.to_owned(),
        agents,
        reason: reason.to_owned(),
        since: tx.now,
    };
    capacity_waits::put(&mut tx.sql, &wait).await?;
    super::jobs::emit_project_status(&mut tx, project).await?;
    Ok(tx.commit().await?)
}

/// Records that the agents of a project no longer wait.
pub async fn clear_wait(data: &DataStore, project: ProjectId) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    capacity_waits::remove(&mut tx.sql, project).await?;
    super::jobs::emit_project_status(&mut tx, project).await?;
    Ok(tx.commit().await?)
}

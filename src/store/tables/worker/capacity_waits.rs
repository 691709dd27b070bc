//! The `capacity_waits` table: projects whose next agents wait for capacity on the machine.

use jiff::Timestamp;

use crate::params;
use crate::{SqlTransaction, StoreError};
use eklavya_core::ids::ProjectId;

/// A project whose next agents wait. It is valid only while its worker holds the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityWait {
    pub project: ProjectId,
    pub worker: String,
    /// The number of waiting agents.
    pub agents: u32,
    pub reason: String,
    pub since: Timestamp,
}

/// Records that agents of a project wait.
pub async fn put(tx: &mut SqlTransaction, wait: &CapacityWait) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO capacity_waits (project_id, worker, agents, reason, since) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (project_id) DO UPDATE SET \
        worker = excluded.worker, agents = excluded.agents, reason = excluded.reason, \
        since = excluded.since";
    let values = params![
        wait.project.0,
        &wait.worker,
        wait.agents,
        &wait.reason,
        wait.since,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Records that the agents of a project no longer wait.
pub async fn remove(tx: &mut SqlTransaction, project: ProjectId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM capacity_waits WHERE project_id = $1";
    tx.execute(SQL, params![project.0]).await.map(|_| ())
}

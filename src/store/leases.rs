//! The `leases` table: who works on a project.

use super::{Record, StoreError, Tx};
use jiff::Timestamp;

use crate::domain::ids::ProjectId;
use crate::params;

const TABLE: &str = "leases";

/// A worker's right to work on a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The project.
    pub project: ProjectId,
    /// The worker.
    pub worker: String,
    /// Its process on this host.
    pub pid: u32,
    /// That process's start time in clock ticks since boot, which tells it from a later one.
    pub process_start: i64,
    /// Since when it holds the lease.
    pub acquired_at: Timestamp,
    /// Its last sign of life.
    pub heartbeat: Timestamp,
    /// When the lease runs out unless it is renewed.
    pub until: Timestamp,
}

/// Returns the lease on a project, whether or not it has run out.
pub async fn of_project(tx: &mut Tx, project: ProjectId) -> Result<Option<Lease>, StoreError> {
    const SQL: &str = "SELECT * FROM leases WHERE project_id = $1";
    tx.fetch_optional(SQL, params![project.0])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Writes a lease, in place of an older one; the caller has made sure that it may.
pub async fn put(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO leases (project_id, worker, pid, process_start, acquired_at, \
        heartbeat, lease_until) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (project_id) DO UPDATE SET worker = excluded.worker, pid = excluded.pid, \
        process_start = excluded.process_start, acquired_at = excluded.acquired_at, \
        heartbeat = excluded.heartbeat, lease_until = excluded.lease_until";
    let values = params![
        lease.project.0,
        &lease.worker,
        lease.pid,
        lease.process_start,
        lease.acquired_at,
        lease.heartbeat,
        lease.until,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Prolongs a worker's lease; false where the worker no longer holds it.
pub async fn renew(
    tx: &mut Tx,
    project: ProjectId,
    worker: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE leases SET heartbeat = $1, lease_until = $2 WHERE project_id = $3 AND worker = $4";
    Ok(tx
        .execute(SQL, params![now, until, project.0, worker])
        .await?
        == 1)
}

/// Gives a worker's lease back.
pub async fn release(tx: &mut Tx, project: ProjectId, worker: &str) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM leases WHERE project_id = $1 AND worker = $2";
    tx.execute(SQL, params![project.0, worker])
        .await
        .map(|_| ())
}

fn read(record: &Record) -> Result<Lease, StoreError> {
    let row = record.of(TABLE);
    Ok(Lease {
        project: ProjectId(row.id("project_id")?),
        worker: row.text("worker")?,
        pid: row.count("pid")?,
        process_start: row.int("process_start")?,
        acquired_at: row.moment("acquired_at")?,
        heartbeat: row.moment("heartbeat")?,
        until: row.moment("lease_until")?,
    })
}

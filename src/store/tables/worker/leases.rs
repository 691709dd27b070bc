//! The `leases` table: the right to work on a project.

use std::time::Duration;

use crate::{DatabaseRow, SqlDialect, SqlTransaction, StoreError};
use jiff::Timestamp;

use crate::params;
use eklavya_core::ids::ProjectId;
use eklavya_core::lease::{HeldLease, Lease, LeaseHolder};

const TABLE: &str = "leases";

/// Returns the lease on a project, held or free; `None` if the project was never worked on.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Option<Lease>, StoreError> {
    const SQL: &str = "SELECT * FROM leases WHERE project_id = $1";
    find(tx, SQL, project).await
}

/// Returns the held leases, including those of dead holders.
pub async fn list_held(tx: &mut SqlTransaction) -> Result<Vec<Lease>, StoreError> {
    const SQL: &str = "SELECT * FROM leases WHERE worker IS NOT NULL";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the lease on a project, and locks it until the transaction ends.
pub async fn lock(tx: &mut SqlTransaction, project: ProjectId) -> Result<Lease, StoreError> {
    const MAKE: &str = "INSERT INTO leases (project_id, fence, worker, machine, host, pid, \
        process_start, beats, acquired_at, heartbeat, lease_until) \
        VALUES ($1, 0, NULL, '', '', 0, 0, 0, 0, 0, 0) ON CONFLICT (project_id) DO NOTHING";
    const SQLITE: &str = "SELECT * FROM leases WHERE project_id = $1";
    // Renewals and writes that rely on the lease wait, and this waits for earlier ones.
    const POSTGRES: &str = "SELECT * FROM leases WHERE project_id = $1 FOR UPDATE";
    tx.execute(MAKE, params![project.0]).await?;
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let none = Lease {
        project,
        fence: 0,
        holder: None,
    };
    Ok(find(tx, sql, project).await?.unwrap_or(none))
}

/// Sets the holder and the fence of a locked lease.
pub async fn set_holder(
    tx: &mut SqlTransaction,
    project: ProjectId,
    fence: i64,
    holder: &LeaseHolder,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE leases SET fence = $2, worker = $3, machine = $4, host = $5, pid = $6, \
        process_start = $7, beats = $8, acquired_at = $9, heartbeat = $10, lease_until = $11 \
        WHERE project_id = $1";
    let values = params![
        project.0,
        fence,
        &holder.worker,
        &holder.machine,
        &holder.host,
        holder.pid,
        holder.process_start,
        holder.renewals,
        holder.acquired_at,
        holder.heartbeat,
        holder.expires_at,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Checks that `lease` is still held, and prevents a takeover until the transaction ends; renewals
/// are not blocked.
///
/// # Errors
/// [`StoreError::LeaseLost`] if it is not held.
pub async fn ensure_held(tx: &mut SqlTransaction, held: &HeldLease) -> Result<(), StoreError> {
    const SQLITE: &str = "SELECT * FROM leases WHERE project_id = $1";
    const POSTGRES: &str = "SELECT * FROM leases WHERE project_id = $1 FOR KEY SHARE";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    match find(tx, sql, held.project).await? {
        Some(lease) if held.matches(&lease) => Ok(()),
        lease => Err(StoreError::LeaseLost {
            project: held.slug.clone(),
            holder: lease.and_then(|lease| lease.holder).map(Box::new),
        }),
    }
}

/// Extends a lease by `term`; false if it is no longer held.
pub async fn renew(
    tx: &mut SqlTransaction,
    held: &HeldLease,
    now: Timestamp,
    term: Duration,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE leases SET beats = beats + 1, heartbeat = $4, lease_until = $5 \
        WHERE project_id = $1 AND fence = $2 AND worker = $3";
    let until = now.saturating_add(term).unwrap_or(now);
    let values = params![held.project.0, held.fence, &held.worker, now, until];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Releases a lease; false if it was no longer held.
pub async fn release(tx: &mut SqlTransaction, held: &HeldLease) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE leases SET worker = NULL \
        WHERE project_id = $1 AND fence = $2 AND worker = $3";
    let values = params![held.project.0, held.fence, &held.worker];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Returns the time that leases use: of the database server if there is one, so that the clocks of
/// the workers' machines do not matter, otherwise `local`.
pub async fn read_clock(
    tx: &mut SqlTransaction,
    local: Timestamp,
) -> Result<Timestamp, StoreError> {
    const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS moment";
    match tx.dialect() {
        SqlDialect::Sqlite => Ok(local),
        SqlDialect::Postgres => match tx.fetch_optional(SQL, params![]).await? {
            Some(record) => record.reader(TABLE).timestamp("moment"),
            None => Ok(local),
        },
    }
}

async fn find(
    tx: &mut SqlTransaction,
    sql: &'static str,
    project: ProjectId,
) -> Result<Option<Lease>, StoreError> {
    let found = tx.fetch_optional(sql, params![project.0]).await?;
    found.as_ref().map(read).transpose()
}

fn read(record: &DatabaseRow) -> Result<Lease, StoreError> {
    let row = record.reader(TABLE);
    let holder = match row.opt_text("worker")? {
        None => None,
        Some(worker) => Some(LeaseHolder {
            worker,
            machine: row.text("machine")?,
            host: row.text("host")?,
            pid: row.uint("pid")?,
            process_start: row.int("process_start")?,
            renewals: row.int("beats")?,
            acquired_at: row.timestamp("acquired_at")?,
            heartbeat: row.timestamp("heartbeat")?,
            expires_at: row.timestamp("lease_until")?,
        }),
    };
    Ok(Lease {
        project: ProjectId(row.id("project_id")?),
        fence: row.int("fence")?,
        holder,
    })
}

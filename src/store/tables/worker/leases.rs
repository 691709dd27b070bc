//! The `leases` table: who works on a project.

use std::time::Duration;

use crate::{DatabaseRow, SqlDialect, SqlTransaction, StoreError};
use jiff::Timestamp;

use crate::params;
use eklavya_core::ids::ProjectId;
use eklavya_core::lease::{HeldLease, Lease, LeaseHolder};

const TABLE: &str = "leases";

/// Returns the lease on a project, whether or not anybody holds it; nothing where nobody ever did.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Option<Lease>, StoreError> {
    const SQL: &str = "SELECT * FROM leases WHERE project_id = $1";
    find(tx, SQL, project).await
}

/// Returns the leases that somebody holds, be they dead or alive.
pub async fn list_held(tx: &mut SqlTransaction) -> Result<Vec<Lease>, StoreError> {
    const SQL: &str = "SELECT * FROM leases WHERE worker IS NOT NULL";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the lease on a project, which nobody else changes or relies on until the transaction
/// ends.
pub async fn lock(tx: &mut SqlTransaction, project: ProjectId) -> Result<Lease, StoreError> {
    const MAKE: &str = "INSERT INTO leases (project_id, fence, worker, machine, host, pid, \
        process_start, beats, acquired_at, heartbeat, lease_until) \
        VALUES ($1, 0, NULL, '', '', 0, 0, 0, 0, 0, 0) ON CONFLICT (project_id) DO NOTHING";
    const SQLITE: &str = "SELECT * FROM leases WHERE project_id = $1";
    // Renewals and writes that rely on the lease wait, and this waits for those that came before.
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

/// Writes who holds a locked lease and the number of its tenure.
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

/// Makes sure that `tenure` still holds its lease, and that nobody takes it over until the
/// transaction ends; renewals may pass.
///
/// # Errors
/// [`StoreError::LeaseLost`] where it does not.
pub async fn ensure_held(tx: &mut SqlTransaction, tenure: &HeldLease) -> Result<(), StoreError> {
    const SQLITE: &str = "SELECT * FROM leases WHERE project_id = $1";
    const POSTGRES: &str = "SELECT * FROM leases WHERE project_id = $1 FOR KEY SHARE";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    match find(tx, sql, tenure.project).await? {
        Some(lease) if tenure.matches(&lease) => Ok(()),
        lease => Err(StoreError::LeaseLost {
            project: tenure.slug.clone(),
            holder: lease.and_then(|lease| lease.holder).map(Box::new),
        }),
    }
}

/// Prolongs the lease of a tenure by `term`; false where it no longer holds it.
pub async fn renew(
    tx: &mut SqlTransaction,
    tenure: &HeldLease,
    now: Timestamp,
    term: Duration,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE leases SET beats = beats + 1, heartbeat = $4, lease_until = $5 \
        WHERE project_id = $1 AND fence = $2 AND worker = $3";
    let until = now.saturating_add(term).unwrap_or(now);
    let values = params![tenure.project.0, tenure.fence, &tenure.worker, now, until];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Gives the lease of a tenure back; false where it no longer held it.
pub async fn release(tx: &mut SqlTransaction, tenure: &HeldLease) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE leases SET worker = NULL \
        WHERE project_id = $1 AND fence = $2 AND worker = $3";
    let values = params![tenure.project.0, tenure.fence, &tenure.worker];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Returns the moment by the clock that leases go by: that of the server where there is one, so that
/// the clocks of the workers' machines do not matter, else `local`.
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

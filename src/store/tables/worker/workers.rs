//! The `workers` table: the registered background workers.

use jiff::Timestamp;

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};

const TABLE: &str = "workers";

/// A background worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// As in leases and jobs.
    pub name: String,
    /// Where its process id is valid; see [`eklavya_core::process::HostIdentity`].
    pub host: String,
    pub machine: String,
    pub pid: u32,
    /// The process's start time in clock ticks since boot.
    pub process_start: i64,
    /// The data directory.
    pub home: String,
    /// Identifies the data directory; others may have the same path.
    pub directory: String,
    /// How many projects it works on at the same time.
    pub capacity: u32,
    /// Whether it takes no new jobs.
    pub draining: bool,
    /// When it was registered.
    pub started_at: Timestamp,
    pub heartbeat: Timestamp,
}

/// Inserts or replaces a worker.
pub async fn put(tx: &mut SqlTransaction, worker: &WorkerRecord) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO workers (name, host, machine, pid, process_start, home, \
        directory, capacity, draining, started_at, heartbeat) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        ON CONFLICT (name) DO UPDATE SET draining = excluded.draining, \
        heartbeat = excluded.heartbeat";
    let values = params![
        &worker.name,
        &worker.host,
        &worker.machine,
        worker.pid,
        worker.process_start,
        &worker.home,
        &worker.directory,
        worker.capacity,
        worker.draining,
        worker.started_at,
        worker.heartbeat,
    ];
    tx.execute(SQL, values).await.map(|_| ())
}

pub async fn remove(tx: &mut SqlTransaction, name: &str) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM workers WHERE name = $1";
    tx.execute(SQL, params![name]).await.map(|_| ())
}

/// Returns all workers, oldest first.
pub async fn all(tx: &mut SqlTransaction) -> Result<Vec<WorkerRecord>, StoreError> {
    const SQL: &str = "SELECT * FROM workers ORDER BY started_at, name";
    tx.fetch_all(SQL, params![])
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(record: &DatabaseRow) -> Result<WorkerRecord, StoreError> {
    let row = record.reader(TABLE);
    Ok(WorkerRecord {
        name: row.text("name")?,
        host: row.text("host")?,
        machine: row.text("machine")?,
        pid: row.uint("pid")?,
        process_start: row.int("process_start")?,
        home: row.text("home")?,
        directory: row.text("directory")?,
        capacity: row.uint("capacity")?,
        draining: row.flag("draining")?,
        started_at: row.timestamp("started_at")?,
        heartbeat: row.timestamp("heartbeat")?,
    })
}

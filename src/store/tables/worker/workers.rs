//! The `workers` table: the background workers that are there, or were when they last wrote.

use jiff::Timestamp;

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};

const TABLE: &str = "workers";

/// A background worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Its name, as leases and jobs have it.
    pub name: String,
    /// Where its process id means something; see [`eklavya_core::process::Host`].
    pub host: String,
    /// What the machine calls itself.
    pub machine: String,
    /// Its process there.
    pub pid: u32,
    /// That process's start time in clock ticks since boot.
    pub process_start: i64,
    /// The data directory that it works in.
    pub home: String,
    /// What tells that directory from others of the same path.
    pub directory: String,
    /// How many projects it works on at the same time.
    pub capacity: u32,
    /// Whether it takes no more jobs.
    pub draining: bool,
    /// Since when it is there.
    pub started_at: Timestamp,
    /// Its last sign of life.
    pub heartbeat: Timestamp,
}

/// Writes a worker down, or anew.
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

/// Strikes a worker off.
pub async fn remove(tx: &mut SqlTransaction, name: &str) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM workers WHERE name = $1";
    tx.execute(SQL, params![name]).await.map(|_| ())
}

/// Returns all workers, the longest there first.
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

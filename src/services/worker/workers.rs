//! Background workers: register them, and detect dead ones.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::leases::WorkerId;
use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::process::{self, HostIdentity};
use eklavya_store::workers::{self, WorkerRecord};

/// A worker is considered dead after this time without a heartbeat; heartbeats are a few seconds
/// apart.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// Registers this process as a background worker of the data directory `home`, whose identity is
/// `directory`; it works on up to `capacity` projects at the same time.
pub async fn register(
    data: &DataStore,
    worker: &WorkerId,
    (home, directory): (&str, &str),
    capacity: u32,
) -> Result<WorkerRecord, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let row = WorkerRecord {
        name: worker.name.clone(),
        host: worker.host.digest.clone(),
        machine: worker.host.machine.clone(),
        pid: worker.pid,
        process_start: worker.start,
        home: home.to_owned(),
        directory: directory.to_owned(),
        capacity,
        draining: false,
        started_at: tx.now,
        heartbeat: tx.now,
    };
    workers::put(&mut tx.sql, &row).await?;
    let details = serde_json::json!({
        "worker": row.name, "machine": row.machine, "pid": row.pid, "home": row.home,
        "capacity": capacity,
    });
    tx.add_audit((None, None), "worker.register", details);
    tx.commit().await?;
    Ok(row)
}

/// Records a heartbeat, and whether the worker takes no new jobs.
pub async fn heartbeat(data: &DataStore, row: &mut WorkerRecord) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    row.heartbeat = tx.now;
    workers::put(&mut tx.sql, row).await?;
    Ok(tx.commit().await?)
}

/// Deregisters a worker that ends or has died.
pub async fn deregister(data: &DataStore, name: &str, reason: &str) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    workers::remove(&mut tx.sql, name).await?;
    let details = serde_json::json!({ "worker": name, "reason": reason });
    tx.add_audit((None, None), "worker.leave", details);
    Ok(tx.commit().await?)
}

/// Returns all registered workers, oldest first.
pub async fn list(data: &DataStore) -> Result<Vec<WorkerRecord>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(workers::all(&mut tx).await?)
}

/// The observed health of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerHealth {
    /// Its process runs, or it sent a heartbeat from another host recently.
    Alive,
    Dead,
    /// It is on another host and has not sent a heartbeat for a while.
    Unresponsive,
}

pub fn health_of(data: &DataStore, row: &WorkerRecord) -> WorkerHealth {
    if row.host == HostIdentity::current().digest {
        return if process::is_alive(row.pid, row.process_start) {
            WorkerHealth::Alive
        } else {
            WorkerHealth::Dead
        };
    }
    let silence = data.now().duration_since(row.heartbeat).unsigned_abs();
    if silence <= MAX_SILENCE {
        WorkerHealth::Alive
    } else {
        WorkerHealth::Unresponsive
    }
}

/// Detects dead workers of other hosts, whose processes are not visible here. Clocks may differ and
/// jump, so a worker is dead after a time without heartbeats by this process's monotonic clock.
#[derive(Debug, Default)]
pub struct WorkerLiveness {
    seen: HashMap<String, (jiff::Timestamp, Instant)>,
}

impl WorkerLiveness {
    /// Returns the names of the dead workers among `rows`.
    pub fn dead_workers(&mut self, rows: &[WorkerRecord]) -> BTreeSet<String> {
        self.dead_workers_at(rows, &HostIdentity::current().digest, Instant::now())
    }

    fn dead_workers_at(
        &mut self,
        rows: &[WorkerRecord],
        here: &str,
        now: Instant,
    ) -> BTreeSet<String> {
        self.seen
            .retain(|name, _| rows.iter().any(|row| row.name == *name));
        let is_dead = |row: &&WorkerRecord| {
            if row.host == here {
                return !process::is_alive(row.pid, row.process_start);
            }
            self.silence_of(row, now) > MAX_SILENCE
        };
        let dead = rows.iter().filter(is_dead);
        dead.map(|row| row.name.clone()).collect()
    }

    fn silence_of(&mut self, row: &WorkerRecord, now: Instant) -> Duration {
        let fresh = (row.heartbeat, now);
        let seen = self.seen.entry(row.name.clone()).or_insert(fresh);
        if seen.0 != row.heartbeat {
            *seen = fresh;
        }
        now.duration_since(seen.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn row(name: &str, host: &str, heartbeat: i64) -> WorkerRecord {
        let pid = std::process::id();
        WorkerRecord {
            name: name.to_owned(),
            host: host.to_owned(),
            machine: "m".to_owned(),
            pid,
            process_start: process::read_start_time(pid).unwrap(),
            home: "/home".to_owned(),
            directory: "d".to_owned(),
            capacity: 1,
            draining: false,
            started_at: Timestamp::UNIX_EPOCH,
            heartbeat: Timestamp::from_second(heartbeat).unwrap(),
        }
    }

    #[test]
    fn on_this_host_a_worker_is_dead_if_its_process_is() {
        let mut liveness = WorkerLiveness::default();
        let (alive, mut dead) = (row("alive", "here", 0), row("dead", "here", 0));
        dead.process_start += 1;
        let now = Instant::now();
        let found = liveness.dead_workers_at(&[alive, dead], "here", now);
        assert_eq!(found, BTreeSet::from(["dead".to_owned()]));
    }

    #[test]
    fn on_other_hosts_a_worker_is_dead_after_observed_silence() {
        let mut liveness = WorkerLiveness::default();
        let start = Instant::now();
        let mut dead = |heartbeat, after| {
            let rows = [row("far", "there", heartbeat)];
            liveness.dead_workers_at(&rows, "here", start + after).len()
        };
        // An old heartbeat may come from another clock.
        assert_eq!(dead(0, Duration::ZERO), 0);
        assert_eq!(dead(0, MAX_SILENCE), 0);
        // A heartbeat from a clock that was set back.
        assert_eq!(dead(-1000, MAX_SILENCE), 0);
        assert_eq!(dead(-1000, MAX_SILENCE * 2), 0);
        assert_eq!(dead(-1000, MAX_SILENCE * 2 + Duration::from_secs(1)), 1);
    }
}

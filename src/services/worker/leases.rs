//! Leases: one worker at a time works on a project, and writes of earlier workers are refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::lease::monitor::{LeaseAvailability, LeaseMonitor};
use eklavya_core::lease::{HeldLease, Lease, LeaseHolder};
use eklavya_core::process::{self, HostIdentity};
use eklavya_core::project::Project;
use eklavya_store::{StoreError, leases};

/// Makes the names of this process's workers unique.
static WORKERS: AtomicU64 = AtomicU64::new(1);

/// A worker in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerId {
    /// Unique over all workers: machine, host, process and a number within it.
    pub name: String,
    pub host: HostIdentity,
    pub pid: u32,
    /// The process's start time in clock ticks since boot.
    pub start: i64,
}

impl WorkerId {
    /// Returns a new worker of this process.
    pub fn generate() -> Self {
        let host = HostIdentity::current();
        let pid = std::process::id();
        let start = process::read_start_time(pid).unwrap_or_default();
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("{}-{}-{pid}-{start}-{number}", host.machine, host.digest),
            host,
            pid,
            start,
        }
    }

    fn new_holder(&self, now: jiff::Timestamp, term: Duration) -> LeaseHolder {
        LeaseHolder {
            worker: self.name.clone(),
            machine: self.host.machine.clone(),
            host: self.host.digest.clone(),
            pid: self.pid,
            process_start: self.start,
            renewals: 0,
            acquired_at: now,
            heartbeat: now,
            expires_at: now.saturating_add(term).unwrap_or(now),
        }
    }

    /// Returns whether the holder of a lease is certainly dead: it is this worker under an earlier
    /// fence, or its process was on this host and no longer exists.
    pub fn is_holder_dead(&self, lease: &Lease) -> bool {
        lease.holder.as_ref().is_some_and(|holder| {
            holder.worker == self.name || (holder.host == self.host.digest && !is_alive(holder))
        })
    }
}

fn is_alive(holder: &LeaseHolder) -> bool {
    process::is_alive(holder.pid, holder.process_start)
}

/// The result of an attempt to acquire a lease.
#[derive(Debug)]
pub enum LeaseAttempt {
    Acquired(AcquiredLease),
    /// Its holder may be alive.
    Held {
        holder: LeaseHolder,
        /// Whether its term has expired, so that a few more observations decide.
        term_expired: bool,
    },
}

#[derive(Debug)]
pub struct AcquiredLease {
    pub lease: HeldLease,
    /// The previous holder, if it did not release the lease.
    pub previous_holder: Option<LeaseHolder>,
}

/// Acquires the lease on a project for `term` if it is free, its holder is dead, or `monitor` has
/// observed its silence for long enough. `at` is the current time of a monotonic clock.
pub async fn try_acquire(
    data: &DataStore,
    project: &Project,
    worker: &WorkerId,
    term: Duration,
    monitor: &mut LeaseMonitor,
    at: Duration,
) -> Result<LeaseAttempt, ServiceError> {
    let mut observe = |lease: &Lease, now| {
        let availability = monitor.observe(at, lease, now, worker.is_holder_dead(lease));
        match (availability, lease.holder.clone()) {
            (LeaseAvailability::Held { term_expired }, Some(holder)) => Some(LeaseAttempt::Held {
                holder,
                term_expired,
            }),
            _ => None,
        }
    };
    // Observation alone must not block renewals.
    let mut sql = data.begin_read().await?;
    if let Some(lease) = leases::of_project(&mut sql, project.id).await? {
        let now = leases::read_clock(&mut sql, data.now()).await?;
        if let Some(held) = observe(&lease, now) {
            return Ok(held);
        }
    }
    drop(sql);
    let mut tx = data.begin(&AuditActor::System).await?;
    let previous = leases::lock(&mut tx.sql, project.id).await?;
    let now = leases::read_clock(&mut tx.sql, tx.now).await?;
    if let Some(held) = observe(&previous, now) {
        return Ok(held);
    }
    let holder = worker.new_holder(now, term);
    let lease = take_over_in(&mut tx, project, &previous, &holder).await?;
    tx.commit().await?;
    Ok(LeaseAttempt::Acquired(AcquiredLease {
        lease,
        previous_holder: previous.holder,
    }))
}

async fn take_over_in(
    tx: &mut Transaction,
    project: &Project,
    previous: &Lease,
    holder: &LeaseHolder,
) -> Result<HeldLease, ServiceError> {
    let lease = HeldLease {
        project: project.id,
        slug: project.slug.clone(),
        fence: previous.fence + 1,
        worker: holder.worker.clone(),
    };
    leases::set_holder(&mut tx.sql, project.id, lease.fence, holder).await?;
    let before = previous.holder.as_ref().map(|holder| &holder.worker);
    let details = json!({
        "worker": lease.worker, "fence": lease.fence, "takenOverFrom": before,
    });
    tx.add_audit((Some(project.id), None), "lease.acquire", details);
    Ok(lease)
}

/// Extends a lease by `term`.
///
/// # Errors
/// [`StoreError::LeaseLost`] if another worker took it over.
pub async fn renew(data: &DataStore, lease: &HeldLease, term: Duration) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    let now = leases::read_clock(&mut tx, data.now()).await?;
    if !leases::renew(&mut tx, lease, now, term).await? {
        return leases::ensure_held(&mut tx, lease).await;
    }
    tx.commit().await
}

/// Releases a lease.
///
/// # Errors
/// [`StoreError::LeaseLost`] if another worker took it over.
pub async fn release(data: &DataStore, lease: &HeldLease) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    if !leases::release(&mut tx, lease).await? {
        return leases::ensure_held(&mut tx, lease).await;
    }
    tx.commit().await
}

/// Checks that a lease is held now.
///
/// # Errors
/// [`StoreError::LeaseLost`] if it is not.
pub async fn ensure_held(data: &DataStore, lease: &HeldLease) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    leases::ensure_held(&mut tx, lease).await
}

/// Returns whether a project's lease is held, even by a dead worker.
pub async fn is_held(data: &DataStore, project: ProjectId) -> Result<bool, StoreError> {
    let lease = of_project(data, project).await?;
    Ok(lease.is_some_and(|lease| lease.holder.is_some()))
}

/// Returns the lease on a project; `None` if the project was never worked on.
pub async fn of_project(data: &DataStore, project: ProjectId) -> Result<Option<Lease>, StoreError> {
    let mut tx = data.begin_read().await?;
    leases::of_project(&mut tx, project).await
}

/// Returns the worker that holds a project, unless it is certainly dead: its process was on this
/// host and is gone, or its term has expired on another host.
pub async fn find_live_holder(
    data: &DataStore,
    project: ProjectId,
) -> Result<Option<LeaseHolder>, StoreError> {
    let mut tx = data.begin_read().await?;
    let now = leases::read_clock(&mut tx, data.now()).await?;
    let lease = leases::of_project(&mut tx, project).await?;
    let here = HostIdentity::current().digest;
    let lives = |holder: &LeaseHolder| {
        if holder.host == here {
            is_alive(holder)
        } else {
            holder.expires_at > now
        }
    };
    Ok(lease.and_then(|lease| lease.holder).filter(lives))
}

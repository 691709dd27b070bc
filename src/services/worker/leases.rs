//! Leases: one worker at a time works on a project, and what an earlier one still does counts for
//! nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::{DataStore, ServiceError};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::lease::monitor::{LeaseAvailability, LeaseMonitor};
use eklavya_core::lease::{HeldLease, Lease, LeaseHolder};
use eklavya_core::process::{self, HostIdentity};
use eklavya_core::project::Project;
use eklavya_store::{StoreError, leases};

/// Makes the names of this process's workers differ.
static WORKERS: AtomicU64 = AtomicU64::new(1);

/// Something that does work on a project, in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerId {
    /// Its name, which no other worker ever has: machine, host, process and a number in it.
    pub name: String,
    /// Where the process is.
    pub host: HostIdentity,
    /// The process.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start: i64,
}

impl WorkerId {
    /// Returns a new worker in the present process.
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

    /// Whether the holder of a lease is gone for certain: it is an earlier tenure of this very
    /// worker, or its process was on this host and is there no more.
    pub fn is_holder_dead(&self, lease: &Lease) -> bool {
        lease.holder.as_ref().is_some_and(|holder| {
            holder.worker == self.name || (holder.host == self.host.digest && !is_alive(holder))
        })
    }
}

fn is_alive(holder: &LeaseHolder) -> bool {
    process::is_alive(holder.pid, holder.process_start)
}

/// What came of an attempt to take a lease.
#[derive(Debug)]
pub enum LeaseAttempt {
    /// It was taken.
    Acquired(AcquiredLease),
    /// Its holder may live.
    Held {
        /// The holder.
        holder: LeaseHolder,
        /// Whether its term ran out, so that a few more looks will tell.
        term_expired: bool,
    },
}

/// A lease that was taken.
#[derive(Debug)]
pub struct AcquiredLease {
    /// The tenure that begins.
    pub lease: HeldLease,
    /// Whose it was, where it was not given back.
    pub previous_holder: Option<LeaseHolder>,
}

/// Takes the lease on a project for `term` where it is free, its holder is dead, or `watch` has seen
/// no sign of life for long enough. `at` is the present moment of a clock that never jumps.
pub async fn try_acquire(
    data: &DataStore,
    project: &Project,
    worker: &WorkerId,
    term: Duration,
    watch: &mut LeaseMonitor,
    at: Duration,
) -> Result<LeaseAttempt, ServiceError> {
    let mut look = |lease: &Lease, now| {
        let verdict = watch.observe(at, lease, now, worker.is_holder_dead(lease));
        match (verdict, &lease.holder) {
            (LeaseAvailability::Held { term_expired: soon }, Some(holder)) => {
                let holder = holder.clone();
                Some(LeaseAttempt::Held {
                    holder,
                    term_expired: soon,
                })
            }
            _ => None,
        }
    };
    // Whoever only watches keeps nobody from renewing.
    let mut tx = data.begin_read().await?;
    if let Some(lease) = leases::of_project(&mut tx, project.id).await? {
        let now = leases::read_clock(&mut tx, data.now()).await?;
        if let Some(held) = look(&lease, now) {
            return Ok(held);
        }
    }
    drop(tx);
    let mut change = data.begin(&AuditActor::System).await?;
    let lease = leases::lock(&mut change.sql, project.id).await?;
    let now = leases::read_clock(&mut change.sql, change.now).await?;
    if let Some(held) = look(&lease, now) {
        return Ok(held);
    }
    let tenure = HeldLease {
        project: project.id,
        slug: project.slug.clone(),
        fence: lease.fence + 1,
        worker: worker.name.clone(),
    };
    let holder = worker.new_holder(now, term);
    leases::set_holder(&mut change.sql, project.id, tenure.fence, &holder).await?;
    let before = lease.holder.as_ref().map(|holder| &holder.worker);
    let details = json!({
        "worker": worker.name, "fence": tenure.fence, "takenOverFrom": before,
    });
    change.add_audit((Some(project.id), None), "lease.acquire", details);
    change.commit().await?;
    let from = lease.holder;
    Ok(LeaseAttempt::Acquired(AcquiredLease {
        lease: tenure,
        previous_holder: from,
    }))
}

/// Prolongs the lease of a tenure by `term`.
///
/// # Errors
/// [`StoreError::LeaseLost`] where another worker took it over.
pub async fn renew(data: &DataStore, tenure: &HeldLease, term: Duration) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    let now = leases::read_clock(&mut tx, data.now()).await?;
    if !leases::renew(&mut tx, tenure, now, term).await? {
        return leases::ensure_held(&mut tx, tenure).await;
    }
    tx.commit().await
}

/// Gives the lease of a tenure back.
///
/// # Errors
/// [`StoreError::LeaseLost`] where another worker took it over.
pub async fn release(data: &DataStore, tenure: &HeldLease) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    if !leases::release(&mut tx, tenure).await? {
        return leases::ensure_held(&mut tx, tenure).await;
    }
    tx.commit().await
}

/// Makes sure that a tenure holds its lease at this moment.
///
/// # Errors
/// [`StoreError::LeaseLost`] where it does not.
pub async fn ensure_held(data: &DataStore, tenure: &HeldLease) -> Result<(), StoreError> {
    let mut tx = data.store.begin_write().await?;
    leases::ensure_held(&mut tx, tenure).await
}

/// Whether a project is leased, be it to a worker that has died.
pub async fn is_held(data: &DataStore, project: ProjectId) -> Result<bool, StoreError> {
    let lease = of_project(data, project).await?;
    Ok(lease.is_some_and(|lease| lease.holder.is_some()))
}

/// Returns the lease on a project; nothing where nobody ever worked on it.
pub async fn of_project(data: &DataStore, project: ProjectId) -> Result<Option<Lease>, StoreError> {
    let mut tx = data.begin_read().await?;
    leases::of_project(&mut tx, project).await
}

/// Returns the worker that holds a project, unless it is dead for certain: its process was on this
/// host and is gone, or its term ran out on another.
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

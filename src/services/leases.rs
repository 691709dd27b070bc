//! Leases: one worker at a time works on a project, and what an earlier one still does counts for
//! nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{Desk, ServiceError};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::lease::{Holder, Lease, Tenure};
use eklavya_core::domain::lease_watch::{Verdict, Watch};
use eklavya_core::domain::project::Project;
use eklavya_core::process::{self, Host};
use eklavya_store::{StoreError, leases};

/// Makes the names of this process's workers differ.
static WORKERS: AtomicU64 = AtomicU64::new(1);

/// Something that does work on a project, in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, which no other worker ever has: machine, host, process and a number in it.
    pub name: String,
    /// Where the process is.
    pub host: Host,
    /// The process.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start: i64,
}

impl Worker {
    /// Returns a new worker in the present process.
    pub fn this() -> Self {
        let host = Host::this();
        let pid = std::process::id();
        let start = process::start_of(pid).unwrap_or_default();
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("{}-{}-{pid}-{start}-{number}", host.machine, host.digest),
            host,
            pid,
            start,
        }
    }

    fn holder(&self, now: jiff::Timestamp, term: Duration) -> Holder {
        Holder {
            worker: self.name.clone(),
            machine: self.host.machine.clone(),
            host: self.host.digest.clone(),
            pid: self.pid,
            process_start: self.start,
            beats: 0,
            acquired_at: now,
            heartbeat: now,
            until: now.saturating_add(term).unwrap_or(now),
        }
    }

    /// Whether the holder of a lease is gone for certain: it is an earlier tenure of this very
    /// worker, or its process was on this host and is there no more.
    pub fn knows_dead(&self, lease: &Lease) -> bool {
        lease.holder.as_ref().is_some_and(|holder| {
            holder.worker == self.name || (holder.host == self.host.digest && !is_alive(holder))
        })
    }
}

fn is_alive(holder: &Holder) -> bool {
    process::is_alive(holder.pid, holder.process_start)
}

/// What came of an attempt to take a lease.
#[derive(Debug)]
pub enum Attempt {
    /// It was taken.
    Taken(Taken),
    /// Its holder may live.
    Held {
        /// The holder.
        holder: Holder,
        /// Whether its term ran out, so that a few more looks will tell.
        soon: bool,
    },
}

/// A lease that was taken.
#[derive(Debug)]
pub struct Taken {
    /// The tenure that begins.
    pub tenure: Tenure,
    /// Whose it was, where it was not given back.
    pub from: Option<Holder>,
}

/// Takes the lease on a project for `term` where it is free, its holder is dead, or `watch` has seen
/// no sign of life for long enough. `at` is the present moment of a clock that never jumps.
pub async fn attempt(
    desk: &Desk,
    project: &Project,
    worker: &Worker,
    term: Duration,
    watch: &mut Watch,
    at: Duration,
) -> Result<Attempt, ServiceError> {
    let mut look = |lease: &Lease, now| {
        let verdict = watch.observe(at, lease, now, worker.knows_dead(lease));
        match (verdict, &lease.holder) {
            (Verdict::Wait { soon }, Some(holder)) => {
                let holder = holder.clone();
                Some(Attempt::Held { holder, soon })
            }
            _ => None,
        }
    };
    // Whoever only watches keeps nobody from renewing.
    let mut tx = desk.read().await?;
    if let Some(lease) = leases::of_project(&mut tx, project.id).await? {
        let now = leases::now(&mut tx, desk.now()).await?;
        if let Some(held) = look(&lease, now) {
            return Ok(held);
        }
    }
    drop(tx);
    let mut change = desk.change(&Actor::System).await?;
    let lease = leases::lock(&mut change.tx, project.id).await?;
    let now = leases::now(&mut change.tx, change.now).await?;
    if let Some(held) = look(&lease, now) {
        return Ok(held);
    }
    let tenure = Tenure {
        project: project.id,
        slug: project.slug.clone(),
        fence: lease.fence + 1,
        worker: worker.name.clone(),
    };
    let holder = worker.holder(now, term);
    leases::put(&mut change.tx, project.id, tenure.fence, &holder).await?;
    let before = lease.holder.as_ref().map(|holder| &holder.worker);
    let details = json!({
        "worker": worker.name, "fence": tenure.fence, "takenOverFrom": before,
    });
    change.audit((Some(project.id), None), "lease.acquire", details);
    change.commit().await?;
    let from = lease.holder;
    Ok(Attempt::Taken(Taken { tenure, from }))
}

/// Prolongs the lease of a tenure by `term`.
///
/// # Errors
/// [`StoreError::LeaseLost`] where another worker took it over.
pub async fn renew(desk: &Desk, tenure: &Tenure, term: Duration) -> Result<(), StoreError> {
    let mut tx = desk.store.write().await?;
    let now = leases::now(&mut tx, desk.now()).await?;
    if !leases::renew(&mut tx, tenure, now, term).await? {
        return leases::check(&mut tx, tenure).await;
    }
    tx.commit().await
}

/// Gives the lease of a tenure back.
///
/// # Errors
/// [`StoreError::LeaseLost`] where another worker took it over.
pub async fn release(desk: &Desk, tenure: &Tenure) -> Result<(), StoreError> {
    let mut tx = desk.store.write().await?;
    if !leases::release(&mut tx, tenure).await? {
        return leases::check(&mut tx, tenure).await;
    }
    tx.commit().await
}

/// Makes sure that a tenure holds its lease at this moment.
///
/// # Errors
/// [`StoreError::LeaseLost`] where it does not.
pub async fn check(desk: &Desk, tenure: &Tenure) -> Result<(), StoreError> {
    let mut tx = desk.store.write().await?;
    leases::check(&mut tx, tenure).await
}

/// Whether a project is leased, be it to a worker that has died.
pub async fn is_held(desk: &Desk, project: ProjectId) -> Result<bool, StoreError> {
    let lease = of_project(desk, project).await?;
    Ok(lease.is_some_and(|lease| lease.holder.is_some()))
}

/// Returns the lease on a project; nothing where nobody ever worked on it.
pub async fn of_project(desk: &Desk, project: ProjectId) -> Result<Option<Lease>, StoreError> {
    let mut tx = desk.read().await?;
    leases::of_project(&mut tx, project).await
}

/// Returns the worker that holds a project, unless it is dead for certain: its process was on this
/// host and is gone, or its term ran out on another.
pub async fn living_holder(desk: &Desk, project: ProjectId) -> Result<Option<Holder>, StoreError> {
    let mut tx = desk.read().await?;
    let now = leases::now(&mut tx, desk.now()).await?;
    let lease = leases::of_project(&mut tx, project).await?;
    let here = Host::this().digest;
    let lives = |holder: &Holder| {
        if holder.host == here {
            is_alive(holder)
        } else {
            holder.until > now
        }
    };
    Ok(lease.and_then(|lease| lease.holder).filter(lives))
}

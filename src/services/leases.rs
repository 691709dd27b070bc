//! Leases: one worker at a time works on a project.

use std::time::Duration;

use serde_json::json;

use super::{Desk, ServiceError};
use crate::domain::audit::Actor;
use crate::domain::project::Project;
use crate::process;
use crate::store::leases::{self, Lease};

/// How long a lease lasts unless it is renewed.
pub const TERM: Duration = Duration::from_secs(30);

/// This process as a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, never used again: process id and start time.
    pub name: String,
    /// The process.
    pub pid: u32,
    /// Its start time in clock ticks since boot.
    pub start: i64,
}

impl Worker {
    /// Returns the worker that the present process is.
    pub fn this() -> Self {
        let pid = std::process::id();
        let start = process::start_of(pid).unwrap_or_default();
        Self {
            name: format!("{pid}-{start}"),
            pid,
            start,
        }
    }
}

/// Takes the lease on a project; a lease whose process is gone or that ran out is taken over.
///
/// Returns the worker that held it before, if one did and died.
pub async fn acquire(
    desk: &Desk,
    project: &Project,
    worker: &Worker,
) -> Result<Option<String>, ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    let held = leases::of_project(&mut change.tx, project.id).await?;
    if let Some(lease) = held.as_ref().filter(|lease| lease.worker != worker.name)
        && process::is_alive(lease.pid, lease.process_start)
        && lease.until > change.now
    {
        return Err(ServiceError::Leased {
            project: project.slug.clone(),
            pid: lease.pid,
            since: lease.acquired_at,
        });
    }
    let lease = Lease {
        project: project.id,
        worker: worker.name.clone(),
        pid: worker.pid,
        process_start: worker.start,
        acquired_at: change.now,
        heartbeat: change.now,
        until: change.now + TERM,
    };
    leases::put(&mut change.tx, &lease).await?;
    let before = held
        .map(|lease| lease.worker)
        .filter(|name| *name != worker.name);
    let details = json!({ "worker": worker.name, "takenOverFrom": before });
    change.audit((Some(project.id), None), "lease.acquire", details);
    change.commit().await?;
    Ok(before)
}

/// Prolongs the lease; false where another worker holds it by now.
pub async fn renew(desk: &Desk, project: &Project, worker: &Worker) -> Result<bool, ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    let until = change.now + TERM;
    let kept = leases::renew(&mut change.tx, project.id, &worker.name, change.now, until).await?;
    change.commit().await?;
    Ok(kept)
}

/// Gives the lease back.
pub async fn release(desk: &Desk, project: &Project, worker: &Worker) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    leases::release(&mut change.tx, project.id, &worker.name).await?;
    change.commit().await?;
    Ok(())
}

/// Returns the living worker that holds a project, if one does.
pub async fn holder(desk: &Desk, project: &Project) -> Result<Option<Lease>, ServiceError> {
    let mut tx = desk.read().await?;
    let lease = leases::of_project(&mut tx, project.id).await?;
    Ok(lease.filter(|lease| process::is_alive(lease.pid, lease.process_start)))
}

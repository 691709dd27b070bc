//! Jobs: requested stages, each run by one background worker at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

pub use super::job_request::{EnqueuedJob, enqueue};
use crate::data_store::require_swapped;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobEvent, JobState};
use eklavya_core::lease::Lease;
use eklavya_core::project::Project;
use eklavya_core::project::priority::ProjectPriority;
use eklavya_store::workers::{self, WorkerRecord};
use eklavya_store::{jobs, leases, priorities, projects};

/// The period over which the run times of a project's jobs are compared.
const USAGE_WINDOW: Duration = Duration::from_hours(24);

/// Takes the queued job that is next, if there is one that can be worked on, for `worker`. Projects
/// of `passed_over`, and those that do not fit, are left to others.
///
/// A job is locked only after its project has been found to fit. If a worker locked a job to check
/// it, the claims of other workers would skip the job meanwhile, and one of them could get no job
/// although this one is free and fits.
pub async fn claim(
    data: &DataStore,
    worker: &str,
    passed_over: &BTreeSet<ProjectId>,
    fits: impl Fn(&Project) -> bool,
) -> Result<Option<(Job, Project)>, ServiceError> {
    let mut passed_over = passed_over.clone();
    let mut tx = data.begin(&AuditActor::System).await?;
    loop {
        let candidates = jobs::next_projects(&mut tx.sql, &passed_over).await?;
        if candidates.is_empty() {
            return Ok(None);
        }
        let fitting = candidates.iter().filter(|project| fits(project));
        let fitting: BTreeSet<ProjectId> = fitting.map(|project| project.id).collect();
        if let Some(job) = jobs::next_queued(&mut tx.sql, &fitting).await? {
            let project = load_project(&mut tx, job.project).await?;
            let event = JobEvent::Claim {
                worker: worker.to_owned(),
            };
            let job = advance_in(&mut tx, &job, &project, &event).await?;
            tx.commit().await?;
            return Ok(Some((job, project)));
        }
        passed_over.extend(candidates.iter().map(|project| project.id));
    }
}

/// Applies an event to a job and returns it.
///
/// # Errors
/// [`ServiceError::Conflict`] if the job is no longer in the state of `job`: the worker has lost
/// it.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    job: &Job,
    event: &JobEvent,
) -> Result<Job, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let project = load_project(&mut tx, job.project).await?;
    let job = advance_in(&mut tx, job, &project, event).await?;
    tx.commit().await?;
    Ok(job)
}

/// Ends a worker's attempt at a job, or releases the job, and returns it; `None` if the worker has
/// lost it.
pub async fn end_attempt(
    data: &DataStore,
    taken: &Job,
    event: &JobEvent,
) -> Result<Option<Job>, ServiceError> {
    loop {
        let now = reload(data, taken).await?;
        let own = taken.state.worker().map(|(worker, _)| worker);
        let present = now.state.worker().map(|(worker, _)| worker);
        if present != own || now.attempt != taken.attempt {
            return Ok(None);
        }
        match advance(data, &AuditActor::System, &now, event).await {
            // The admin cancelled it or changed its priority at the same time.
            Err(ServiceError::Conflict(_)) => {}
            ended => return ended.map(Some),
        }
    }
}

async fn advance_in(
    tx: &mut Transaction,
    job: &Job,
    project: &Project,
    event: &JobEvent,
) -> Result<Job, ServiceError> {
    let name = || format!("job {}", job.id.short());
    let mut next = job.clone();
    next.state = job.state.apply(event, tx.now).map_err(|source| {
        let name = name();
        ServiceError::State { name, source }
    })?;
    update_times(&mut next, job, tx.now);
    if matches!(next.state, JobState::Queued { .. }) {
        let others = recent_usage(tx, job.project).await?;
        next.used_micros = others + next.worked_micros - job.worked_micros;
    }
    require_swapped(jobs::update(&mut tx.sql, &next).await?, name)?;
    next.version += 1;
    emit_status(tx, project);
    let details = json!({
        "job": job.id, "goal": job.goal, "event": event.name(), "to": next.state,
        "attempt": next.attempt,
    });
    tx.add_audit((Some(job.project), None), "job.advance", details);
    Ok(next)
}

fn update_times(next: &mut Job, before: &Job, now: Timestamp) {
    if let (Some((_, since)), None) = (before.state.worker(), next.state.worker()) {
        let ran = now.as_microsecond() - since.as_microsecond();
        next.worked_micros += ran.max(0);
    }
    if before.state.worker().is_none() && next.state.worker().is_some() {
        next.attempt += 1;
        next.started_at = Some(now);
    }
    if !next.state.is_open() {
        next.ended_at = Some(now);
    }
}

pub(super) async fn recent_usage(
    tx: &mut Transaction,
    project: ProjectId,
) -> Result<i64, ServiceError> {
    let since = tx.now - USAGE_WINDOW;
    Ok(jobs::worked_since(&mut tx.sql, project, since).await?)
}

/// The open jobs, the registered workers and the held leases, from one snapshot.
#[derive(Debug, Clone)]
pub struct QueueSnapshot {
    /// Oldest first.
    pub open: Vec<Job>,
    /// Oldest first.
    pub workers: Vec<WorkerRecord>,
    /// Including those of dead holders.
    pub leases: Vec<Lease>,
    /// The time, by the clock that leases use.
    pub now: Timestamp,
}

/// Returns the snapshot of the queue.
pub async fn read_snapshot(data: &DataStore) -> Result<QueueSnapshot, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(QueueSnapshot {
        open: jobs::list_open(&mut tx).await?,
        workers: workers::all(&mut tx).await?,
        leases: leases::list_held(&mut tx).await?,
        now: leases::read_clock(&mut tx, data.now()).await?,
    })
}

/// Requeues the jobs whose worker is no longer registered or in `dead`, or whose project is in
/// `lost`; returns them. A worker that is not registered has deregistered itself, so it runs no
/// job.
pub async fn requeue_lost(
    data: &DataStore,
    look: &QueueSnapshot,
    dead: &BTreeSet<String>,
    lost: &BTreeSet<ProjectId>,
) -> Result<Vec<Job>, ServiceError> {
    let mut back = Vec::new();
    for job in &look.open {
        let Some((worker, _)) = job.state.worker() else {
            continue;
        };
        let is_there = look.workers.iter().any(|row| row.name == worker);
        if is_there && !dead.contains(worker) && !lost.contains(&job.project) {
            continue;
        }
        let event = JobEvent::Release {
            reason: format!("worker {worker} died"),
        };
        match advance(data, &AuditActor::System, job, &event).await {
            Ok(job) => back.push(job),
            // Another worker was faster.
            Err(ServiceError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(back)
}

/// Cancels a job: at once if no worker runs it, otherwise its worker stops in order.
pub async fn cancel(data: &DataStore, actor: &AuditActor, job: &Job) -> Result<Job, ServiceError> {
    advance(data, actor, job, &JobEvent::Cancel).await
}

/// Returns the open jobs, oldest first.
pub async fn list_open(data: &DataStore) -> Result<Vec<Job>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(jobs::list_open(&mut tx).await?)
}

/// Returns the jobs of a project, or all of them, oldest first.
pub async fn list(data: &DataStore, project: Option<ProjectId>) -> Result<Vec<Job>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(match project {
        Some(project) => jobs::of_project(&mut tx, project).await?,
        None => jobs::all(&mut tx).await?,
    })
}

/// Returns the only job whose id starts with `prefix`.
pub async fn find(data: &DataStore, prefix: &str) -> Result<Job, ServiceError> {
    let mut tx = data.begin_read().await?;
    let mut found = match prefix {
        "" => Vec::new(),
        prefix => jobs::by_prefix(&mut tx, prefix).await?,
    };
    match (found.pop(), found.len()) {
        (Some(job), 0) => Ok(job),
        (None, _) => Err(ServiceError::NotFound {
            what: "job",
            name: prefix.to_owned(),
        }),
        (Some(_), others) => Err(ServiceError::Ambiguous {
            what: "jobs",
            prefix: prefix.to_owned(),
            count: others + 1,
        }),
    }
}

/// Returns the current state of a job.
pub async fn reload(data: &DataStore, job: &Job) -> Result<Job, ServiceError> {
    let mut tx = data.begin_read().await?;
    let found = jobs::by_id(&mut tx, job.id).await?;
    found.ok_or_else(|| ServiceError::NotFound {
        what: "job",
        name: job.id.short(),
    })
}

/// Returns a project's priority.
pub async fn priority_of(
    data: &DataStore,
    project: ProjectId,
) -> Result<ProjectPriority, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(priorities::of_project(&mut tx, project).await?)
}

/// Sets the priority of a project and of its queued jobs.
pub async fn set_priority(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    priority: ProjectPriority,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(actor).await?;
    let before = priorities::of_project(&mut tx.sql, project.id).await?;
    priorities::set(&mut tx.sql, project.id, priority).await?;
    jobs::set_priority(&mut tx.sql, project.id, priority).await?;
    emit_status(&mut tx, project);
    let details = json!({ "from": before, "to": priority });
    tx.add_audit((Some(project.id), None), "project.priority", details);
    Ok(tx.commit().await?)
}

/// Emits an event so that clients read the project's state again.
pub(crate) async fn emit_project_status(
    tx: &mut Transaction,
    project: ProjectId,
) -> Result<(), ServiceError> {
    let project = load_project(tx, project).await?;
    emit_status(tx, &project);
    Ok(())
}

pub(super) fn emit_status(tx: &mut Transaction, project: &Project) {
    let event = Event::ProjectStatus {
        project_id: project.id,
        status: project.state.status().to_owned(),
        progress: project.progress,
    };
    tx.add_event(Some(project.id), event);
}

async fn load_project(tx: &mut Transaction, id: ProjectId) -> Result<Project, ServiceError> {
    let found = projects::by_id(&mut tx.sql, id).await?;
    found.ok_or_else(|| ServiceError::NotFound {
        what: "project",
        name: id.to_string(),
    })
}

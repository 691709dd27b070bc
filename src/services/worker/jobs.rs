//! Jobs: stages that were asked for, taken by one background worker at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::data_store::require_swapped;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::{JobId, ProjectId};
use eklavya_core::job::{GoalReadiness, Job, JobEvent, JobGoal, JobState};
use eklavya_core::lease::Lease;
use eklavya_core::project::Project;
use eklavya_core::project::priority::ProjectPriority;
use eklavya_store::workers::{self, WorkerRecord};
use eklavya_store::{jobs, leases, priorities, projects};

/// How far back the time counts that a project's jobs ran, where shares are compared.
const USAGE_WINDOW: Duration = Duration::from_hours(24);

/// A job that somebody asked for.
#[derive(Debug, Clone)]
pub struct EnqueuedJob {
    /// The job.
    pub job: Job,
    /// Whether it was added; else it was asked for before and is still to be done.
    pub is_new: bool,
}

/// Asks for `goal` on behalf of `actor`.
///
/// # Errors
/// [`ServiceError::OutOfReach`] where the project cannot come there without a decision or other
/// work that nobody has asked for.
pub async fn enqueue(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    goal: JobGoal,
) -> Result<EnqueuedJob, ServiceError> {
    let mut change = data.begin(actor).await?;
    if let Some(job) = jobs::find_open(&mut change.sql, project.id, goal).await? {
        return Ok(EnqueuedJob { job, is_new: false });
    }
    ensure_reachable(&mut change, project, goal).await?;
    let job = Job {
        id: JobId::random(),
        project: project.id,
        goal,
        state: JobState::Queued {
            since: change.now,
            reason: None,
        },
        priority: priorities::of_project(&mut change.sql, project.id).await?,
        used_micros: recent_usage(&mut change, project.id).await?,
        worked_micros: 0,
        requested_by: actor.to_string(),
        attempt: 0,
        version: 1,
        created_at: change.now,
        started_at: None,
        ended_at: None,
    };
    if !jobs::insert(&mut change.sql, &job).await? {
        // Somebody asked at the same moment.
        drop(change);
        let open = jobs::find_open(&mut data.begin_read().await?, project.id, goal).await?;
        let job = open.ok_or_else(|| ServiceError::Conflict(describe_goal(project, goal)))?;
        return Ok(EnqueuedJob { job, is_new: false });
    }
    emit_status(&mut change, project);
    let details = json!({ "job": job.id, "goal": goal, "priority": job.priority });
    change.add_audit((Some(project.id), None), "job.ask", details);
    change.commit().await?;
    Ok(EnqueuedJob { job, is_new: true })
}

async fn ensure_reachable(
    change: &mut Transaction,
    project: &Project,
    goal: JobGoal,
) -> Result<(), ServiceError> {
    let reach = project
        .state
        .stage()
        .map_or(GoalReadiness::Never, |s| goal.readiness_at(s));
    let possible = match reach {
        GoalReadiness::Now => true,
        GoalReadiness::Never => false,
        GoalReadiness::Later => {
            let all = jobs::of_project(&mut change.sql, project.id).await?;
            all.iter().any(|job| job.state.is_open())
                || leases::of_project(&mut change.sql, project.id)
                    .await?
                    .is_some_and(|lease| lease.holder.is_some())
        }
    };
    if possible {
        return Ok(());
    }
    Err(ServiceError::GoalUnreachable {
        project: project.slug.clone(),
        status: project.state.status(),
        goal,
    })
}

/// Takes the queued job that is next, if there is one that can be worked on, for `worker`. Projects
/// of `passed_over`, and those that do not fit, are left to others.
pub async fn claim(
    data: &DataStore,
    worker: &str,
    passed_over: &BTreeSet<ProjectId>,
    fits: impl Fn(&Project) -> bool,
) -> Result<Option<(Job, Project)>, ServiceError> {
    let mut passed_over = passed_over.clone();
    let mut change = data.begin(&AuditActor::System).await?;
    while let Some(job) = jobs::next_queued(&mut change.sql, &passed_over).await? {
        let project = load_project(&mut change, job.project).await?;
        if !fits(&project) {
            passed_over.insert(job.project);
            continue;
        }
        let event = JobEvent::Claim {
            worker: worker.to_owned(),
        };
        let job = advance_in(&mut change, &job, &project, &event).await?;
        change.commit().await?;
        return Ok(Some((job, project)));
    }
    Ok(None)
}

/// Moves a job on and returns it as it stands then.
///
/// # Errors
/// [`ServiceError::Changed`] where the job is no longer as `job` says: the worker has lost it.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    job: &Job,
    event: &JobEvent,
) -> Result<Job, ServiceError> {
    let mut change = data.begin(actor).await?;
    let project = load_project(&mut change, job.project).await?;
    let job = advance_in(&mut change, job, &project, event).await?;
    change.commit().await?;
    Ok(job)
}

/// Ends a worker's time at a job, or puts the job down, and returns it as it stands then; nothing
/// where the worker has lost it.
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
            // The admin cancelled it, or gave it another priority, at the same moment.
            Err(ServiceError::Conflict(_)) => {}
            ended => return ended.map(Some),
        }
    }
}

async fn advance_in(
    change: &mut Transaction,
    job: &Job,
    project: &Project,
    event: &JobEvent,
) -> Result<Job, ServiceError> {
    let name = || format!("job {}", job.id.short());
    let mut next = job.clone();
    next.state = job.state.apply(event, change.now).map_err(|source| {
        let name = name();
        ServiceError::State { name, source }
    })?;
    update_times(&mut next, job, change.now);
    if matches!(next.state, JobState::Queued { .. }) {
        let others = recent_usage(change, job.project).await?;
        next.used_micros = others + next.worked_micros - job.worked_micros;
    }
    require_swapped(jobs::update(&mut change.sql, &next).await?, name)?;
    next.version += 1;
    emit_status(change, project);
    let details = json!({
        "job": job.id, "goal": job.goal, "event": event.name(), "to": next.state,
        "attempt": next.attempt,
    });
    change.add_audit((Some(job.project), None), "job.advance", details);
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

async fn recent_usage(change: &mut Transaction, project: ProjectId) -> Result<i64, ServiceError> {
    let since = change.now - USAGE_WINDOW;
    Ok(jobs::worked_since(&mut change.sql, project, since).await?)
}

/// The jobs that are to be done, the workers that are there and the leases that are held, at one
/// moment.
#[derive(Debug, Clone)]
pub struct QueueSnapshot {
    /// The jobs, oldest first.
    pub open: Vec<Job>,
    /// The workers, the longest there first.
    pub workers: Vec<WorkerRecord>,
    /// The leases, of the dead and the living.
    pub leases: Vec<Lease>,
    /// The moment, by the clock that leases go by.
    pub now: Timestamp,
}

/// Returns what is to be done and who is there to do it.
pub async fn read_snapshot(data: &DataStore) -> Result<QueueSnapshot, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(QueueSnapshot {
        open: jobs::list_open(&mut tx).await?,
        workers: workers::all(&mut tx).await?,
        leases: leases::list_held(&mut tx).await?,
        now: leases::read_clock(&mut tx, data.now()).await?,
    })
}

/// Puts those jobs back into the queue whose worker is not there any more or among `dead`, or whose
/// project is among `lost`; returns them as they stand then. A worker that is not there has struck
/// itself off, and cannot be at a job.
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

/// Cancels a job: at once where nobody is at it; else its worker stops in good order.
pub async fn cancel(data: &DataStore, actor: &AuditActor, job: &Job) -> Result<Job, ServiceError> {
    advance(data, actor, job, &JobEvent::Cancel).await
}

/// Returns the jobs that are still to be done, oldest first.
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

/// Returns the one job whose identity starts with `prefix`.
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

/// Returns a job as it stands now.
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

/// Gives a project, and its jobs that wait, a priority.
pub async fn set_priority(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    priority: ProjectPriority,
) -> Result<(), ServiceError> {
    let mut change = data.begin(actor).await?;
    let before = priorities::of_project(&mut change.sql, project.id).await?;
    priorities::set(&mut change.sql, project.id, priority).await?;
    jobs::set_priority(&mut change.sql, project.id, priority).await?;
    emit_status(&mut change, project);
    let details = json!({ "from": before, "to": priority });
    change.add_audit((Some(project.id), None), "project.priority", details);
    Ok(change.commit().await?)
}

/// Tells those who watch a project that something about it has changed.
pub(crate) async fn emit_project_status(
    change: &mut Transaction,
    project: ProjectId,
) -> Result<(), ServiceError> {
    let project = load_project(change, project).await?;
    emit_status(change, &project);
    Ok(())
}

fn emit_status(change: &mut Transaction, project: &Project) {
    let event = Event::ProjectStatus {
        project_id: project.id,
        status: project.state.status().to_owned(),
        progress: project.progress,
    };
    change.add_event(Some(project.id), event);
}

async fn load_project(change: &mut Transaction, id: ProjectId) -> Result<Project, ServiceError> {
    let found = projects::by_id(&mut change.sql, id).await?;
    found.ok_or_else(|| ServiceError::NotFound {
        what: "project",
        name: id.to_string(),
    })
}

fn describe_goal(project: &Project, goal: JobGoal) -> String {
    format!("the {goal} of project {}", project.slug)
}

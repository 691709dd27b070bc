//! Requesting a job for a project.

use serde_json::json;

use super::jobs::{emit_status, recent_usage};
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::{JobId, ProjectId};
use eklavya_core::job::{GoalReadiness, Job, JobGoal, JobState};
use eklavya_core::project::Project;
use eklavya_store::{jobs, leases, priorities};

/// The result of requesting a job.
#[derive(Debug, Clone)]
pub struct EnqueuedJob {
    pub job: Job,
    /// Whether it was added; otherwise an open job for the goal exists already.
    pub is_new: bool,
}

/// Requests a job for `goal` on behalf of `actor`.
///
/// # Errors
/// [`ServiceError::GoalUnreachable`] if the project cannot get there without a decision or other
/// work that was not requested.
pub async fn enqueue(
    data: &DataStore,
    actor: &AuditActor,
    project: &Project,
    goal: JobGoal,
) -> Result<EnqueuedJob, ServiceError> {
    let mut tx = data.begin(actor).await?;
    if let Some(job) = jobs::find_open(&mut tx.sql, project.id, goal).await? {
        return Ok(EnqueuedJob { job, is_new: false });
    }
    ensure_reachable(&mut tx, project, goal).await?;
    let job = queued_job(&mut tx, actor, project.id, goal).await?;
    if !jobs::insert(&mut tx.sql, &job).await? {
        // Another process requested it at the same time.
        drop(tx);
        let open = jobs::find_open(&mut data.begin_read().await?, project.id, goal).await?;
        let job = open.ok_or_else(|| ServiceError::Conflict(describe_goal(project, goal)))?;
        return Ok(EnqueuedJob { job, is_new: false });
    }
    emit_status(&mut tx, project);
    let details = json!({ "job": job.id, "goal": goal, "priority": job.priority });
    tx.add_audit((Some(project.id), None), "job.ask", details);
    tx.commit().await?;
    Ok(EnqueuedJob { job, is_new: true })
}

async fn queued_job(
    tx: &mut Transaction,
    actor: &AuditActor,
    project: ProjectId,
    goal: JobGoal,
) -> Result<Job, ServiceError> {
    Ok(Job {
        id: JobId::random(),
        project,
        goal,
        state: JobState::Queued {
            since: tx.now,
            reason: None,
        },
        priority: priorities::of_project(&mut tx.sql, project).await?,
        used_micros: recent_usage(tx, project).await?,
        worked_micros: 0,
        requested_by: actor.to_string(),
        attempt: 0,
        version: 1,
        created_at: tx.now,
        started_at: None,
        ended_at: None,
    })
}

async fn ensure_reachable(
    tx: &mut Transaction,
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
        GoalReadiness::Later => is_worked_on(tx, project.id).await?,
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

/// Whether a job is open, or a worker holds the lease.
async fn is_worked_on(tx: &mut Transaction, project: ProjectId) -> Result<bool, ServiceError> {
    let all = jobs::of_project(&mut tx.sql, project).await?;
    if all.iter().any(|job| job.state.is_open()) {
        return Ok(true);
    }
    let lease = leases::of_project(&mut tx.sql, project).await?;
    Ok(lease.is_some_and(|lease| lease.holder.is_some()))
}

fn describe_goal(project: &Project, goal: JobGoal) -> String {
    format!("the {goal} of project {}", project.slug)
}

//! `--detach`: queues the work as a job, and returns at once.

use eklavya_config::ValueOrigin;
use eklavya_core::job::{JobGoal, JobState};
use eklavya_services::jobs::{self, EnqueuedJob};
use eklavya_services::projects;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};
use crate::jobs::JobView;
use crate::worker;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DetachedJobView {
    #[serde(flatten)]
    job: JobView,
    /// Whether the job is new; otherwise it was queued before and is still open.
    new: bool,
    /// The log of the worker that was started for the job.
    worker_log: Option<String>,
}

/// Queues a job for `goal`, and starts a worker if none is running.
pub fn enqueue_job(
    invocation: &CommandInvocation,
    slug: &str,
    goal: JobGoal,
) -> Result<(), CommandError> {
    ensure_no_foreground_options(invocation)?;
    let (enqueued, log) = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, slug).await?;
        let enqueued = jobs::enqueue(&data, &data_store::current_actor(), &project, goal).await?;
        let log = worker::ensure_worker(invocation, &data, &project, &enqueued.job).await?;
        Ok((enqueued, log))
    })?;
    print_job(invocation, slug, &enqueued, log)
}

fn print_job(
    invocation: &CommandInvocation,
    slug: &str,
    enqueued: &EnqueuedJob,
    log: Option<String>,
) -> Result<(), CommandError> {
    let EnqueuedJob { job, is_new } = enqueued;
    let (id, goal) = (job.id.short(), job.goal);
    let status = match (&job.state, is_new) {
        (_, true) => "is queued",
        (JobState::Queued { .. }, false) => "is already queued",
        (_, false) => "is already running",
    };
    let message = format!("{slug}: {goal} {status} as job {id}");
    if let Some(log) = &log {
        let note = format!("Started a worker, because none was running; its log is {log}");
        invocation.printer.note(&note);
    }
    let result = DetachedJobView {
        job: JobView::of(job, slug),
        new: *is_new,
        worker_log: log,
    };
    invocation.printer.done(&message, &result)?;
    let next = format!("Follow it: eklavya status {slug} --watch, or: eklavya jobs show {id}");
    invocation.printer.note(&next);
    Ok(())
}

/// Refuses options that apply only to this process: the worker would ignore them.
fn ensure_no_foreground_options(invocation: &CommandInvocation) -> Result<(), CommandError> {
    let layers = invocation.layers()?;
    let set = layers
        .entries()
        .iter()
        .find(|e| e.origin == ValueOrigin::Flag);
    if let Some(entry) = set {
        let name = entry.key.name;
        let message =
            format!("--set {name} applies only to this command, but a worker does the work");
        let hint = format!("Set it for workers that start later: eklavya config set {name} …");
        return Err(CommandError::usage(message).with_hint(hint));
    }
    if invocation.no_sandbox {
        let message = "--no-sandbox applies only to this command, but a worker does the work";
        let hint = "Start a worker without a sandbox: eklavya worker --no-sandbox";
        return Err(CommandError::usage(message).with_hint(hint));
    }
    Ok(())
}

//! `--detach`: the work is a job, and the command returns at once.

use eklavya_config::ValueOrigin;
use eklavya_core::job::{JobGoal, JobState};
use eklavya_services::jobs::{self, EnqueuedJob};
use eklavya_services::projects;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;
use crate::jobs::JobView;
use crate::{data_store, worker};

/// What was asked for, and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DetachedJobView {
    #[serde(flatten)]
    job: JobView,
    /// Whether the job is a new one; else it was asked for before and is still to be done.
    new: bool,
    /// What the worker says that was started for it.
    worker_log: Option<String>,
}

/// Asks for `goal`, and makes sure that somebody works on it.
pub fn enqueue_job(
    invocation: &CommandInvocation,
    slug: &str,
    goal: JobGoal,
) -> Result<(), CommandError> {
    ensure_no_foreground_options(invocation)?;
    let (asked, log) = data_store::with_data_store(invocation, async |data| {
        let project = projects::find(&data, slug).await?;
        let asked = jobs::enqueue(&data, &data_store::current_actor(), &project, goal).await?;
        let log = worker::ensure_worker(invocation, &data, &project, &asked.job).await?;
        Ok((asked, log))
    })?;
    print_job(invocation, slug, &asked, log)
}

fn print_job(
    invocation: &CommandInvocation,
    slug: &str,
    asked: &EnqueuedJob,
    log: Option<String>,
) -> Result<(), CommandError> {
    let EnqueuedJob { job, is_new } = asked;
    let (id, goal) = (job.id.short(), job.goal);
    let stands = match (&job.state, is_new) {
        (_, true) => "is queued",
        (JobState::Queued { .. }, false) => "was queued before",
        (_, false) => "is being worked on already",
    };
    let message = format!("{slug}: {goal} {stands}, as job {id}");
    if let Some(log) = &log {
        let note = format!("No worker was there; one was started, and writes to {log}");
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

/// What holds for this process alone does not hold for the worker.
fn ensure_no_foreground_options(invocation: &CommandInvocation) -> Result<(), CommandError> {
    let layers = invocation.layers()?;
    let set = layers
        .entries()
        .iter()
        .find(|e| e.origin == ValueOrigin::Flag);
    if let Some(entry) = set {
        let name = entry.key.name;
        let message = format!("--set {name} holds for this command, and a worker does the work");
        let hint =
            format!("Set it for workers that start from now on: eklavya config set {name} …");
        return Err(CommandError::usage(message).with_hint(hint));
    }
    if invocation.no_sandbox {
        let message = "--no-sandbox holds for this command, and a worker does the work";
        let hint = "Start a worker that takes the risk: eklavya worker --no-sandbox";
        return Err(CommandError::usage(message).with_hint(hint));
    }
    Ok(())
}

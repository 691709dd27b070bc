//! `--detach`: the work is a job, and the command returns at once.

use eklavya_config::Origin;
use eklavya_core::domain::job::{Goal, JobState};
use eklavya_services::jobs::{self, Asked};
use eklavya_services::projects;
use serde::Serialize;

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::jobs::JobView;
use crate::{desk, worker};

/// What was asked for, and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Detached {
    #[serde(flatten)]
    job: JobView,
    /// Whether the job is a new one; else it was asked for before and is still to be done.
    new: bool,
    /// What the worker says that was started for it.
    worker_log: Option<String>,
}

/// Asks for `goal`, and makes sure that somebody works on it.
pub fn run(invocation: &Invocation, slug: &str, goal: Goal) -> Result<(), CommandError> {
    refuse_what_does_not_reach(invocation)?;
    let (asked, log) = desk::with(invocation, async |desk| {
        let project = projects::find(&desk, slug).await?;
        let asked = jobs::ask(&desk, &desk::actor(), &project, goal).await?;
        let log = worker::ensure(invocation, &desk, &project, &asked.job).await?;
        Ok((asked, log))
    })?;
    tell(invocation, slug, &asked, log)
}

fn tell(
    invocation: &Invocation,
    slug: &str,
    asked: &Asked,
    log: Option<String>,
) -> Result<(), CommandError> {
    let Asked { job, is_new } = asked;
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
    let result = Detached {
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
fn refuse_what_does_not_reach(invocation: &Invocation) -> Result<(), CommandError> {
    let layers = invocation.layers()?;
    let set = layers.entries().iter().find(|e| e.origin == Origin::Flag);
    if let Some(entry) = set {
        let name = entry.key.name;
        let message = format!("--set {name} holds for this command, and a worker does the work");
        let hint =
            format!("Set it for workers that start from now on: eklavya config set {name} …");
        return Err(CommandError::usage(message).hint(hint));
    }
    if invocation.no_sandbox {
        let message = "--no-sandbox holds for this command, and a worker does the work";
        let hint = "Start a worker that takes the risk: eklavya worker --no-sandbox";
        return Err(CommandError::usage(message).hint(hint));
    }
    Ok(())
}

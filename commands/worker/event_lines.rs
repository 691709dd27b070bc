//! The lines that a background worker prints, one for each event.

use eklavya_core::exit_code;
use eklavya_core::job::Job;
use eklavya_core::project::Project;
use eklavya_engine::jobs::{JobOutcome, WorkerEvent};
use jiff::Timestamp;
use serde::Serialize;

use crate::invocation::options::OutputFormat;
use crate::output::{self, OutputPrinter, time};

/// Prints an event as a line of text on stderr or, if the output format is JSON, as a line of JSON on
/// stdout.
pub fn print_event(printer: &OutputPrinter, event: WorkerEvent<'_>, at: Timestamp) {
    let line = WorkerEventLine::of(event, at);
    if printer.format() == OutputFormat::Table {
        let at = time::format_timestamp(line.at);
        printer.note(&format!("{at} {}", line.message));
    } else if let Err(error) = output::json_line(&line) {
        // The reader has closed stdout; the worker continues.
        tracing::debug!("cannot write the event: {error}");
    }
}

/// One event of a worker, as JSON prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkerEventLine {
    /// `worker:registered`, `job:started`, …
    event: &'static str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    /// The full id.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// How the job ended: `done`, `failed`, `needsDecision`, or `queued` if it is queued again.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// For people.
    message: String,
}

impl WorkerEventLine {
    fn of(event: WorkerEvent<'_>, at: Timestamp) -> Self {
        match event {
            WorkerEvent::Registered { worker } => {
                let message = format!(
                    "worker {} serves {}, up to {} projects at the same time",
                    worker.name, worker.home, worker.capacity
                );
                Self::new("worker:registered", at, message)
            }
            WorkerEvent::JobStarted { job, project } => {
                let message = format!("{}: {} started", project.slug, job.goal);
                Self::new("job:started", at, message).with_job(job, project)
            }
            WorkerEvent::JobEnded {
                job,
                project,
                outcome,
            } => Self::ended(at, job, project, outcome),
            WorkerEvent::JobRequeued { job, reason } => {
                let message = format!("job {} is queued again: {reason}", job.id.short());
                Self {
                    job: Some(job.id.to_string()),
                    goal: Some(job.goal.name()),
                    ..Self::new("job:takenBack", at, message)
                }
            }
            WorkerEvent::ProjectSkipped { project, reason } => {
                let message = format!("skipping jobs of {}: {reason}", project.slug);
                Self {
                    project: Some(project.slug.clone()),
                    ..Self::new("project:passedOver", at, message)
                }
            }
            WorkerEvent::Draining { jobs, within } => {
                let seconds = within.as_secs();
                let message =
                    format!("taking no more jobs; {jobs} in progress may continue for {seconds} s");
                Self::new("worker:draining", at, message)
            }
            WorkerEvent::Trouble { message } => Self::new("worker:trouble", at, message.to_owned()),
        }
    }

    fn ended(at: Timestamp, job: &Job, project: &Project, outcome: &JobOutcome) -> Self {
        let (name, code, how) = match outcome {
            JobOutcome::Done => ("done", Some(0), "done".to_owned()),
            JobOutcome::Failed { reason, exit_code } => {
                ("failed", Some(*exit_code), format!("failed: {reason}"))
            }
            JobOutcome::NeedsDecision { question } => {
                let code = exit_code::NEEDS_DECISION;
                ("needsDecision", Some(code), format!("stopped: {question}"))
            }
            JobOutcome::Requeued { reason } => ("queued", None, format!("queued again: {reason}")),
        };
        let message = format!("{}: {} {how}", project.slug, job.goal);
        Self {
            end: Some(name),
            exit_code: code,
            ..Self::new("job:ended", at, message).with_job(job, project)
        }
    }

    fn new(event: &'static str, at: Timestamp, message: String) -> Self {
        Self {
            event,
            at,
            project: None,
            job: None,
            goal: None,
            attempt: None,
            end: None,
            exit_code: None,
            message,
        }
    }

    fn with_job(self, job: &Job, project: &Project) -> Self {
        Self {
            project: Some(project.slug.clone()),
            job: Some(job.id.to_string()),
            goal: Some(job.goal.name()),
            attempt: Some(job.attempt),
            ..self
        }
    }
}

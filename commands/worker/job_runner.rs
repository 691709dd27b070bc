//! Doing the jobs of a background worker, and telling of them.

use eklavya_core::job::Job;
use eklavya_core::project::Project;
use eklavya_engine::jobs::worker_loop::{Hands, JobAssignment, JobOutcome, WorkerEvent};
use eklavya_engine::{EngineError, OnLeased};
use eklavya_services::{DataStore, ServiceError, projects};
use eklavya_store::StoreError;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CommandError;
use crate::options::OutputFormat;
use crate::output::{self, OutputPrinter, time};
use crate::run_factory::{RunFactory, RunOptions};
use crate::{stage_error, stage_run};

/// The hands of this process.
#[derive(Debug)]
pub struct JobRunner {
    factory: RunFactory,
    data: DataStore,
    printer: OutputPrinter,
}

impl JobRunner {
    /// Returns hands that work with `outfit` and tell by `printer`.
    pub fn new(outfit: RunFactory, data: DataStore, printer: OutputPrinter) -> Self {
        Self {
            factory: outfit,
            data,
            printer,
        }
    }

    /// Returns the end that a failure to begin means: where the database is away, it is to go on.
    async fn start_failure_outcome(&self, project: &Project, error: &CommandError) -> JobOutcome {
        match projects::reload(&self.data, project).await {
            Err(ServiceError::Store(StoreError::Unavailable(away))) => JobOutcome::Requeued {
                reason: away.to_string(),
            },
            Ok(_) | Err(_) => failed_outcome(error),
        }
    }
}

impl Hands for JobRunner {
    async fn run_job(&self, order: JobAssignment) -> JobOutcome {
        let JobAssignment { job, project, .. } = order;
        let start = RunOptions {
            stop: order.stop,
            // A lease that a dead worker left is watched until that is certain.
            on_leased: match order.observed_lease {
                Some(_) => OnLeased::Wait,
                None => OnLeased::Fail,
            },
            watched: order.observed_lease,
            record: None,
        };
        let worker = match self.factory.start_run(&self.data, &project, start).await {
            Ok(worker) => worker,
            Err(error) => return self.start_failure_outcome(&project, &error).await,
        };
        match stage_run::run_goal(job.goal, worker).await {
            Ok(()) => JobOutcome::Done,
            Err(error) => job_outcome(error, &project),
        }
    }

    fn report_event(&self, news: WorkerEvent<'_>) {
        let line = WorkerEventLine::of(news, self.data.now());
        if self.printer.format() == OutputFormat::Table {
            let at = time::format_timestamp(line.at);
            self.printer.note(&format!("{at} {}", line.message));
        } else if let Err(error) = output::json_line(&line) {
            // Nobody reads any more; the work goes on.
            tracing::debug!("the news could not be written: {error}");
        }
    }
}

fn job_outcome(error: EngineError, project: &Project) -> JobOutcome {
    let reason = error.to_string();
    match error {
        EngineError::Stopped(_) | EngineError::Service(ServiceError::Leased { .. }) => {
            JobOutcome::Requeued { reason }
        }
        error if error.is_away() || error.is_lease_lost() => JobOutcome::Requeued { reason },
        EngineError::NeedsDecision(_) => JobOutcome::NeedsDecision { question: reason },
        other => failed_outcome(&stage_error::stage_error(other, &project.slug)),
    }
}

fn failed_outcome(error: &CommandError) -> JobOutcome {
    JobOutcome::Failed {
        reason: error.message(),
        exit_code: error.exit_code(),
    }
}

/// One line of what a worker tells.
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
    /// How it ended: `done`, `failed`, `needsDecision`, `queued` where it is to go on later.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// For people.
    message: String,
}

impl WorkerEventLine {
    fn of(news: WorkerEvent<'_>, at: Timestamp) -> Self {
        match news {
            WorkerEvent::Registered { worker } => {
                let message = format!(
                    "worker {} serves {}, up to {} projects at the same time",
                    worker.name, worker.home, worker.capacity
                );
                Self::new("worker:registered", at, message)
            }
            WorkerEvent::JobStarted { job, project } => {
                let message = format!("{}: {} begins", project.slug, job.goal);
                Self::new("job:started", at, message).with_job(job, project)
            }
            WorkerEvent::JobEnded { job, project, end } => Self::ended(at, job, project, end),
            WorkerEvent::JobRequeued { job, reason } => {
                let message = format!("job {} goes back into the queue: {reason}", job.id.short());
                Self {
                    job: Some(job.id.to_string()),
                    goal: Some(job.goal.name()),
                    ..Self::new("job:takenBack", at, message)
                }
            }
            WorkerEvent::ProjectSkipped { project, reason } => {
                let message = format!("{} is left to other workers: {reason}", project.slug);
                Self {
                    project: Some(project.slug.clone()),
                    ..Self::new("project:passedOver", at, message)
                }
            }
            WorkerEvent::Draining { jobs, within } => {
                let seconds = within.as_secs();
                let message = format!("no more jobs; {jobs} under way have {seconds} s");
                Self::new("worker:draining", at, message)
            }
            WorkerEvent::Trouble { message } => Self::new("worker:trouble", at, message.to_owned()),
        }
    }

    fn ended(at: Timestamp, job: &Job, project: &Project, end: &JobOutcome) -> Self {
        let (name, code, how) = match end {
            JobOutcome::Done => ("done", Some(0), "done".to_owned()),
            JobOutcome::Failed { reason, exit_code } => {
                ("failed", Some(*exit_code), format!("failed: {reason}"))
            }
            JobOutcome::NeedsDecision { question } => {
                let code = eklavya_core::exit_code::NEEDS_DECISION;
                ("needsDecision", Some(code), format!("stopped: {question}"))
            }
            JobOutcome::Requeued { reason } => ("queued", None, format!("put down: {reason}")),
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

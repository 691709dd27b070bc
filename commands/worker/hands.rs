//! Doing the jobs of a background worker, and telling of them.

use eklavya_core::domain::job::Job;
use eklavya_core::domain::project::Project;
use eklavya_engine::crew::{CrewNews, Hands, JobEnd, Order};
use eklavya_engine::{Patience, WorkflowError};
use eklavya_services::{Desk, ServiceError, projects};
use eklavya_store::StoreError;
use jiff::Timestamp;
use serde::Serialize;

use crate::crew::{Outfit, Start};
use crate::error::CommandError;
use crate::options::Format;
use crate::output::{self, Printer, time};
use crate::{failure, work};

/// The hands of this process.
#[derive(Debug)]
pub struct Crew {
    outfit: Outfit,
    desk: Desk,
    printer: Printer,
}

impl Crew {
    /// Returns hands that work with `outfit` and tell by `printer`.
    pub fn new(outfit: Outfit, desk: Desk, printer: Printer) -> Self {
        Self {
            outfit,
            desk,
            printer,
        }
    }

    /// Returns the end that a failure to begin means: where the database is away, it is to go on.
    async fn not_begun(&self, project: &Project, error: &CommandError) -> JobEnd {
        match projects::reload(&self.desk, project).await {
            Err(ServiceError::Store(StoreError::Away(away))) => JobEnd::PutDown {
                reason: away.to_string(),
            },
            Ok(_) | Err(_) => failed(error),
        }
    }
}

impl Hands for Crew {
    async fn perform(&self, order: Order) -> JobEnd {
        let Order { job, project, .. } = order;
        let start = Start {
            stop: order.stop,
            // A lease that a dead worker left is watched until that is certain.
            patience: match order.watched {
                Some(_) => Patience::Waiting,
                None => Patience::Brief,
            },
            watched: order.watched,
            record: None,
        };
        let worker = match self.outfit.worker(&self.desk, &project, start).await {
            Ok(worker) => worker,
            Err(error) => return self.not_begun(&project, &error).await,
        };
        match work::perform(job.goal, worker).await {
            Ok(()) => JobEnd::Done,
            Err(error) => end_of(error, &project),
        }
    }

    fn tell(&self, news: CrewNews<'_>) {
        let line = Line::of(news, self.desk.now());
        if self.printer.format() == Format::Table {
            let at = time::moment(line.at);
            self.printer.note(&format!("{at} {}", line.message));
        } else if let Err(error) = output::json_line(&line) {
            // Nobody reads any more; the work goes on.
            tracing::debug!("the news could not be written: {error}");
        }
    }
}

fn end_of(error: WorkflowError, project: &Project) -> JobEnd {
    let reason = error.to_string();
    match error {
        WorkflowError::Stopped(_) | WorkflowError::Service(ServiceError::Leased { .. }) => {
            JobEnd::PutDown { reason }
        }
        error if error.is_away() || error.is_lease_lost() => JobEnd::PutDown { reason },
        WorkflowError::NeedsDecision(_) => JobEnd::NeedsDecision { question: reason },
        other => failed(&failure::of(other, &project.slug)),
    }
}

fn failed(error: &CommandError) -> JobEnd {
    JobEnd::Failed {
        reason: error.message(),
        exit_code: error.exit_code(),
    }
}

/// One line of what a worker tells.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
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

impl Line {
    fn of(news: CrewNews<'_>, at: Timestamp) -> Self {
        match news {
            CrewNews::Registered { worker } => {
                let message = format!(
                    "worker {} serves {}, up to {} projects at the same time",
                    worker.name, worker.home, worker.capacity
                );
                Self::new("worker:registered", at, message)
            }
            CrewNews::Started { job, project } => {
                let message = format!("{}: {} begins", project.slug, job.goal);
                Self::new("job:started", at, message).about(job, project)
            }
            CrewNews::Ended { job, project, end } => Self::ended(at, job, project, end),
            CrewNews::TakenBack { job, reason } => {
                let message = format!("job {} goes back into the queue: {reason}", job.id.short());
                Self {
                    job: Some(job.id.to_string()),
                    goal: Some(job.goal.name()),
                    ..Self::new("job:takenBack", at, message)
                }
            }
            CrewNews::PassedOver { project, reason } => {
                let message = format!("{} is left to other workers: {reason}", project.slug);
                Self {
                    project: Some(project.slug.clone()),
                    ..Self::new("project:passedOver", at, message)
                }
            }
            CrewNews::Draining { jobs, within } => {
                let seconds = within.as_secs();
                let message = format!("no more jobs; {jobs} under way have {seconds} s");
                Self::new("worker:draining", at, message)
            }
            CrewNews::Trouble { message } => Self::new("worker:trouble", at, message.to_owned()),
        }
    }

    fn ended(at: Timestamp, job: &Job, project: &Project, end: &JobEnd) -> Self {
        let (name, code, how) = match end {
            JobEnd::Done => ("done", Some(0), "done".to_owned()),
            JobEnd::Failed { reason, exit_code } => {
                ("failed", Some(*exit_code), format!("failed: {reason}"))
            }
            JobEnd::NeedsDecision { question } => {
                let code = eklavya_core::exit_code::NEEDS_DECISION;
                ("needsDecision", Some(code), format!("stopped: {question}"))
            }
            JobEnd::PutDown { reason } => ("queued", None, format!("put down: {reason}")),
        };
        let message = format!("{}: {} {how}", project.slug, job.goal);
        Self {
            end: Some(name),
            exit_code: code,
            ..Self::new("job:ended", at, message).about(job, project)
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

    fn about(self, job: &Job, project: &Project) -> Self {
        Self {
            project: Some(project.slug.clone()),
            job: Some(job.id.to_string()),
            goal: Some(job.goal.name()),
            attempt: Some(job.attempt),
            ..self
        }
    }
}

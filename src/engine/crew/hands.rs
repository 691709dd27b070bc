//! Who does the work of a background worker, and what there is to tell of it.

use std::future::Future;
use std::time::Duration;

use crate::stop::Stop;
use crate::worker::Watched;
use eklavya_core::domain::job::{Job, JobEvent};
use eklavya_core::domain::project::Project;
use eklavya_core::exit_code;
use eklavya_store::workers::WorkerRow;

/// Who does the work of a background worker.
pub trait Hands: Send + Sync + 'static {
    /// Works until the goal of the job is reached, or there is a reason to end before.
    fn perform(&self, order: Order) -> impl Future<Output = JobEnd> + Send;

    /// Hears what the worker does.
    fn tell(&self, news: CrewNews<'_>);
}

/// A job that was taken, to be worked on.
#[derive(Debug)]
pub struct Order {
    /// The job.
    pub job: Job,
    /// Its project.
    pub project: Project,
    /// How the work is stopped.
    pub stop: Stop,
    /// What was seen of the project's lease, where another worker, now dead, left it.
    pub watched: Option<Watched>,
}

/// How the work on a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// The goal was reached.
    Done,
    /// It cannot be reached as things are.
    Failed {
        /// Why.
        reason: String,
        /// The exit code that a command in the foreground would have had.
        exit_code: u8,
    },
    /// The admin must decide something first.
    NeedsDecision {
        /// What.
        question: String,
    },
    /// The work was stopped, or somebody else does it; it is to go on later.
    PutDown {
        /// Why.
        reason: String,
    },
}

impl JobEnd {
    /// Returns the end of work that failed for no fault of the project.
    pub(super) fn failed(reason: String) -> Self {
        JobEnd::Failed {
            reason,
            exit_code: exit_code::FAILED,
        }
    }

    pub(super) fn into_event(self) -> JobEvent {
        match self {
            JobEnd::Done => JobEvent::Finish,
            JobEnd::Failed { reason, exit_code } => JobEvent::Fail { reason, exit_code },
            JobEnd::NeedsDecision { question } => JobEvent::Ask { question },
            JobEnd::PutDown { reason } => JobEvent::Release { reason },
        }
    }
}

/// What a background worker has to tell.
#[derive(Debug, Clone, Copy)]
pub enum CrewNews<'a> {
    /// It is there.
    Registered {
        /// The worker.
        worker: &'a WorkerRow,
    },
    /// It has taken a job.
    Started {
        /// The job.
        job: &'a Job,
        /// Its project.
        project: &'a Project,
    },
    /// A job ended, or was put down.
    Ended {
        /// The job as it was taken.
        job: &'a Job,
        /// Its project.
        project: &'a Project,
        /// How.
        end: &'a JobEnd,
    },
    /// A job of a dead worker is back in the queue.
    TakenBack {
        /// The job.
        job: &'a Job,
        /// What became of its worker.
        reason: &'a str,
    },
    /// A project's jobs are left to other workers.
    PassedOver {
        /// The project.
        project: &'a Project,
        /// Why.
        reason: &'a str,
    },
    /// It takes no more jobs.
    Draining {
        /// Jobs that are under way.
        jobs: usize,
        /// How long their agents may go on.
        within: Duration,
    },
    /// Something keeps it from its work, or does so no more.
    Trouble {
        /// What.
        message: &'a str,
    },
}

//! Who does the work of a background worker, and what there is to tell of it.

use std::future::Future;
use std::time::Duration;

use crate::context::project_run::ObservedLease;
use crate::context::stop::StopRequest;
use eklavya_core::exit_code;
use eklavya_core::job::{Job, JobEvent};
use eklavya_core::project::Project;
use eklavya_store::workers::WorkerRecord;

/// Who does the work of a background worker.
pub trait Hands: Send + Sync + 'static {
    /// Works until the goal of the job is reached, or there is a reason to end before.
    fn run_job(&self, order: JobAssignment) -> impl Future<Output = JobOutcome> + Send;

    /// Hears what the worker does.
    fn report_event(&self, news: WorkerEvent<'_>);
}

/// A job that was taken, to be worked on.
#[derive(Debug)]
pub struct JobAssignment {
    /// The job.
    pub job: Job,
    /// Its project.
    pub project: Project,
    /// How the work is stopped.
    pub stop: StopRequest,
    /// What was seen of the project's lease, where another worker, now dead, left it.
    pub observed_lease: Option<ObservedLease>,
}

/// How the work on a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
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
    Requeued {
        /// Why.
        reason: String,
    },
}

impl JobOutcome {
    /// Returns the end of work that failed for no fault of the project.
    pub(crate) fn internal_failure(reason: String) -> Self {
        JobOutcome::Failed {
            reason,
            exit_code: exit_code::FAILED,
        }
    }

    pub(crate) fn into_event(self) -> JobEvent {
        match self {
            JobOutcome::Done => JobEvent::Finish,
            JobOutcome::Failed { reason, exit_code } => JobEvent::Fail { reason, exit_code },
            JobOutcome::NeedsDecision { question } => JobEvent::Ask { question },
            JobOutcome::Requeued { reason } => JobEvent::Release { reason },
        }
    }
}

/// What a background worker has to tell.
#[derive(Debug, Clone, Copy)]
pub enum WorkerEvent<'a> {
    /// It is there.
    Registered {
        /// The worker.
        worker: &'a WorkerRecord,
    },
    /// It has taken a job.
    JobStarted {
        /// The job.
        job: &'a Job,
        /// Its project.
        project: &'a Project,
    },
    /// A job ended, or was put down.
    JobEnded {
        /// The job as it was taken.
        job: &'a Job,
        /// Its project.
        project: &'a Project,
        /// How.
        end: &'a JobOutcome,
    },
    /// A job of a dead worker is back in the queue.
    JobRequeued {
        /// The job.
        job: &'a Job,
        /// What became of its worker.
        reason: &'a str,
    },
    /// A project's jobs are left to other workers.
    ProjectSkipped {
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

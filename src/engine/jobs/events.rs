//! The jobs that a background worker takes, how they end, and the events that it reports.

use std::time::Duration;

use crate::context::project_run::ObservedLease;
use crate::context::stop::StopRequest;
use eklavya_core::failure_kind::FailureKind;
use eklavya_core::job::{Job, JobEvent};
use eklavya_core::project::Project;
use eklavya_store::workers::WorkerRecord;

/// A job that this worker has claimed.
#[derive(Debug)]
pub(crate) struct JobAssignment {
    pub job: Job,
    pub project: Project,
    pub stop: StopRequest,
    /// What was observed of the project's lease, if a dead worker left one.
    pub observed_lease: Option<ObservedLease>,
}

/// How an attempt at a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    Failed {
        reason: String,
        /// The exit code that the command would have in the foreground.
        exit_code: u8,
    },
    /// The admin must decide something first.
    NeedsDecision {
        question: String,
    },
    /// The attempt was stopped, or another worker has the project; the job is queued again.
    Requeued {
        reason: String,
    },
}

impl JobOutcome {
    /// Returns the outcome of a failure that the project did not cause.
    pub(super) fn internal_failure(reason: String) -> Self {
        JobOutcome::Failed {
            reason,
            exit_code: FailureKind::Failed.exit_code(),
        }
    }

    pub(super) fn into_event(self) -> JobEvent {
        match self {
            JobOutcome::Done => JobEvent::Finish,
            JobOutcome::Failed { reason, exit_code } => JobEvent::Fail { reason, exit_code },
            JobOutcome::NeedsDecision { question } => JobEvent::Ask { question },
            JobOutcome::Requeued { reason } => JobEvent::Release { reason },
        }
    }
}

/// What a background worker reports while it runs.
#[derive(Debug, Clone, Copy)]
pub enum WorkerEvent<'a> {
    Registered {
        worker: &'a WorkerRecord,
    },
    JobStarted {
        job: &'a Job,
        project: &'a Project,
    },
    JobEnded {
        /// The job as it was claimed.
        job: &'a Job,
        project: &'a Project,
        outcome: &'a JobOutcome,
    },
    /// A dead worker's job is queued again.
    JobRequeued {
        job: &'a Job,
        reason: &'a str,
    },
    /// This worker cannot take the project's jobs.
    ProjectSkipped {
        project: &'a Project,
        reason: &'a str,
    },
    /// The worker takes no more jobs.
    Draining {
        /// Jobs in progress.
        jobs: usize,
        /// How long their agents may continue.
        within: Duration,
    },
    /// The database became unusable, or usable again.
    Trouble {
        message: &'a str,
    },
}

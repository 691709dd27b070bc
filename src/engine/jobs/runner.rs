//! Working towards a goal, in the foreground or as a job, and the outcome of a job.

use std::sync::Arc;

use super::events::{JobAssignment, JobOutcome};
use super::run_factory::{RunFactory, RunOptions, RunStartError};
use crate::context::error::EngineError;
use crate::context::project_run::{OnLeased, ProjectRun};
use crate::lease::hold::with_lease;
use crate::stages;
use eklavya_core::job::JobGoal;
use eklavya_core::project::Project;
use eklavya_services::{ServiceError, projects};
use eklavya_store::StoreError;

/// Runs the stage that reaches `goal` under the project's lease.
pub async fn run_goal(goal: JobGoal, run: Arc<ProjectRun>) -> Result<(), EngineError> {
    let done = match goal {
        JobGoal::Plan => with_lease(run, stages::plan::run).await,
        JobGoal::Demos => with_lease(run, stages::demo::run).await,
        JobGoal::Build => with_lease(run, stages::build::run).await,
        JobGoal::Verify => with_lease(run, stages::verify::run).await,
        JobGoal::Deliver => with_lease(run, stages::deliver::run).await,
    };
    done.map(|_| ())
}

/// Works on a job until its goal is reached or the attempt ends early.
pub(super) async fn run_job(factory: &RunFactory, assignment: JobAssignment) -> JobOutcome {
    let JobAssignment { job, project, .. } = assignment;
    let options = RunOptions {
        stop: assignment.stop,
        // A dead worker's lease is observed until it is certain that the worker is dead.
        on_leased: match assignment.observed_lease {
            Some(_) => OnLeased::Wait,
            None => OnLeased::Fail,
        },
        recording: None,
        observed_lease: assignment.observed_lease,
    };
    let run = match factory.start_run(&project, options).await {
        Ok(run) => run,
        Err(error) => return start_failure_outcome(factory, &project, &error).await,
    };
    match run_goal(job.goal, run).await {
        Ok(()) => JobOutcome::Done,
        Err(error) => outcome_of_error(&error),
    }
}

/// Returns the outcome of a run that did not start. If the database is away, the job is queued again,
/// since the database may be the cause.
async fn start_failure_outcome(
    factory: &RunFactory,
    project: &Project,
    error: &RunStartError,
) -> JobOutcome {
    match projects::reload(factory.data(), project).await {
        Err(ServiceError::Store(StoreError::Unavailable(away))) => JobOutcome::Requeued {
            reason: away.to_string(),
        },
        Ok(_) | Err(_) => JobOutcome::Failed {
            reason: error.failure_message(),
            exit_code: error.failure_kind().exit_code(),
        },
    }
}

fn outcome_of_error(error: &EngineError) -> JobOutcome {
    let reason = error.to_string();
    match error {
        EngineError::Stopped(_) | EngineError::Service(ServiceError::Leased { .. }) => {
            JobOutcome::Requeued { reason }
        }
        error if error.is_away() || error.is_lease_lost() => JobOutcome::Requeued { reason },
        EngineError::NeedsDecision(_) => JobOutcome::NeedsDecision { question: reason },
        other => JobOutcome::Failed {
            reason: other.failure_message(),
            exit_code: other.failure_kind().exit_code(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::stop::StopReason;

    #[test]
    fn stopped_work_is_requeued_and_other_errors_fail_the_job() {
        let stopped = EngineError::Stopped(StopReason::LeaseLost);
        let lost = StoreError::LeaseLost {
            project: "shop".to_owned(),
            holder: None,
        };
        for error in [stopped, lost.into()] {
            let reason = error.to_string();
            let outcome = outcome_of_error(&error);
            assert_eq!(outcome, JobOutcome::Requeued { reason });
        }
        let failed = outcome_of_error(&EngineError::OverBudget("the limit is $1".to_owned()));
        let expected = JobOutcome::Failed {
            reason: "the limit is $1".to_owned(),
            exit_code: 5,
        };
        assert_eq!(failed, expected);
    }
}

//! A job: a stage of a project that background workers are asked to reach.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{JobId, ProjectId};
use super::project::ProjectStage;
use crate::InvalidTransition;
use crate::project::priority::ProjectPriority;

/// The stage that a job works towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobGoal {
    Plan,
    #[serde(rename = "demo")]
    Demos,
    Build,
    Verify,
    Deliver,
}

/// Whether a project may work towards a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalReadiness {
    /// The project is at the start of this work, or within it.
    Now,
    /// Other work comes first, which needs no decision of the admin.
    Later,
    /// The project is past the goal, or a decision of the admin comes first.
    Never,
}

impl JobGoal {
    /// All goals, in order.
    pub const ALL: [JobGoal; 5] = [
        JobGoal::Plan,
        JobGoal::Demos,
        JobGoal::Build,
        JobGoal::Verify,
        JobGoal::Deliver,
    ];

    /// Returns the name used in SQL, JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            JobGoal::Plan => "plan",
            JobGoal::Demos => "demo",
            JobGoal::Build => "build",
            JobGoal::Verify => "verify",
            JobGoal::Deliver => "deliver",
        }
    }

    pub fn readiness_at(self, stage: ProjectStage) -> GoalReadiness {
        let (first, last, earliest) = self.stage_range();
        let place = |stage| ProjectStage::ALL.iter().position(|other| *other == stage);
        let at = place(stage);
        if (place(first)..=place(last)).contains(&at) {
            GoalReadiness::Now
        } else if (place(earliest)..place(first)).contains(&at) {
            GoalReadiness::Later
        } else {
            GoalReadiness::Never
        }
    }

    /// Returns the stages in which the work begins and ends, and the first stage from which no
    /// decision of the admin is in between. A failed verification returns to the build.
    fn stage_range(self) -> (ProjectStage, ProjectStage, ProjectStage) {
        use ProjectStage as Stage;
        match self {
            JobGoal::Plan => (Stage::Created, Stage::PlanReview, Stage::Created),
            JobGoal::Demos => (Stage::PlanApproved, Stage::DemoReview, Stage::PlanApproved),
            JobGoal::Build => (Stage::DemoApproved, Stage::Built, Stage::DemoApproved),
            JobGoal::Verify => (Stage::Building, Stage::Verified, Stage::DemoApproved),
            JobGoal::Deliver => (Stage::Verified, Stage::Delivering, Stage::DemoApproved),
        }
    }
}

impl fmt::Display for JobGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown goal {0:?}")]
pub struct UnknownJobGoal(String);

impl FromStr for JobGoal {
    type Err = UnknownJobGoal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = JobGoal::ALL.into_iter().find(|goal| goal.name() == text);
        found.ok_or_else(|| UnknownJobGoal(text.to_owned()))
    }
}

/// A request to reach a stage of a project. A project has at most one open job for each goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub project: ProjectId,
    pub goal: JobGoal,
    pub state: JobState,
    pub priority: ProjectPriority,
    /// How long the project's jobs ran recently, in microseconds, when this job was queued. Among
    /// jobs of equal priority, the one with the least is taken first.
    pub used_micros: i64,
    /// How long the job itself ran so far, in microseconds, over all its workers.
    pub worked_micros: i64,
    pub requested_by: String,
    /// How many times a worker took it.
    pub attempt: u32,
    /// Incremented by each change of the row. A worker that lost the job cannot write to it.
    pub version: i64,
    pub created_at: Timestamp,
    /// When a worker last took it.
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JobState {
    Queued {
        since: Timestamp,
        /// Why it was requeued, if a worker had taken it before.
        reason: Option<String>,
    },
    Running {
        worker: String,
        since: Timestamp,
    },
    /// A worker runs it and was told to stop.
    Cancelling {
        worker: String,
        /// When the worker took it.
        since: Timestamp,
    },
    Done {
        at: Timestamp,
    },
    /// The goal cannot be reached in the current state.
    Failed {
        at: Timestamp,
        reason: String,
        /// The exit code that the command in the foreground would have had.
        exit_code: u8,
    },
    /// The admin must decide before the work can continue.
    NeedsDecision {
        at: Timestamp,
        question: String,
    },
    Cancelled {
        at: Timestamp,
    },
}

/// An event in the life of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    Claim {
        worker: String,
    },
    Finish,
    /// The goal cannot be reached in the current state.
    Fail {
        reason: String,
        /// The exit code that the command in the foreground would have had.
        exit_code: u8,
    },
    Ask {
        question: String,
    },
    /// Its worker gave it back, or died.
    Release {
        reason: String,
    },
    Cancel,
}

impl JobEvent {
    /// Returns the event as a verb phrase, for messages and the audit trail, whose entries keep it.
    pub fn name(&self) -> &'static str {
        match self {
            JobEvent::Claim { .. } => "be taken by a worker",
            JobEvent::Finish => "be finished",
            JobEvent::Fail { .. } => "fail",
            JobEvent::Ask { .. } => "ask for a decision",
            JobEvent::Release { .. } => "be put down",
            JobEvent::Cancel => "be cancelled",
        }
    }
}

impl JobState {
    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            JobState::Queued { .. } => "queued",
            JobState::Running { .. } => "running",
            JobState::Cancelling { .. } => "cancelling",
            JobState::Done { .. } => "done",
            JobState::Failed { .. } => "failed",
            JobState::NeedsDecision { .. } => "needsDecision",
            JobState::Cancelled { .. } => "cancelled",
        }
    }

    /// Returns whether the job has not ended.
    pub fn is_open(&self) -> bool {
        match self {
            JobState::Queued { .. } | JobState::Running { .. } | JobState::Cancelling { .. } => {
                true
            }
            JobState::Done { .. }
            | JobState::Failed { .. }
            | JobState::NeedsDecision { .. }
            | JobState::Cancelled { .. } => false,
        }
    }

    /// Returns the worker that runs it, and since when.
    pub fn worker(&self) -> Option<(&str, Timestamp)> {
        match self {
            JobState::Running { worker, since } | JobState::Cancelling { worker, since } => {
                Some((worker, *since))
            }
            JobState::Queued { .. }
            | JobState::Done { .. }
            | JobState::Failed { .. }
            | JobState::NeedsDecision { .. }
            | JobState::Cancelled { .. } => None,
        }
    }

    /// Returns the state after `event` at `now`.
    pub fn apply(&self, event: &JobEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        let next = match self {
            JobState::Queued { .. } => from_queued(event, now),
            JobState::Running { worker, since } => from_running(worker, *since, event, now),
            JobState::Cancelling { .. } => from_cancelling(event, now),
            JobState::Done { .. }
            | JobState::Failed { .. }
            | JobState::NeedsDecision { .. }
            | JobState::Cancelled { .. } => None,
        };
        next.ok_or(InvalidTransition {
            entity: "job",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn from_queued(event: &JobEvent, now: Timestamp) -> Option<JobState> {
    match event {
        JobEvent::Claim { worker } => Some(JobState::Running {
            worker: worker.clone(),
            since: now,
        }),
        JobEvent::Cancel => Some(JobState::Cancelled { at: now }),
        JobEvent::Finish
        | JobEvent::Fail { .. }
        | JobEvent::Ask { .. }
        | JobEvent::Release { .. } => None,
    }
}

fn from_running(
    worker: &str,
    since: Timestamp,
    event: &JobEvent,
    now: Timestamp,
) -> Option<JobState> {
    match event {
        JobEvent::Release { reason } => Some(JobState::Queued {
            since: now,
            reason: Some(reason.clone()),
        }),
        JobEvent::Cancel => Some(JobState::Cancelling {
            worker: worker.to_owned(),
            since,
        }),
        JobEvent::Finish | JobEvent::Fail { .. } | JobEvent::Ask { .. } => end_state(event, now),
        JobEvent::Claim { .. } => None,
    }
}

/// A worker that was told to stop may finish before it notices.
fn from_cancelling(event: &JobEvent, now: Timestamp) -> Option<JobState> {
    match event {
        JobEvent::Release { .. } => Some(JobState::Cancelled { at: now }),
        JobEvent::Finish | JobEvent::Fail { .. } | JobEvent::Ask { .. } => end_state(event, now),
        JobEvent::Claim { .. } | JobEvent::Cancel => None,
    }
}

fn end_state(event: &JobEvent, now: Timestamp) -> Option<JobState> {
    match event {
        JobEvent::Finish => Some(JobState::Done { at: now }),
        JobEvent::Fail { reason, exit_code } => Some(JobState::Failed {
            at: now,
            reason: reason.clone(),
            exit_code: *exit_code,
        }),
        JobEvent::Ask { question } => Some(JobState::NeedsDecision {
            at: now,
            question: question.clone(),
        }),
        JobEvent::Claim { .. } | JobEvent::Release { .. } | JobEvent::Cancel => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_behind_a_gate_is_never_ready() {
        for (goal, now, later) in [
            (JobGoal::Plan, 3, 0),
            (JobGoal::Demos, 3, 0),
            (JobGoal::Build, 3, 0),
            (JobGoal::Verify, 4, 1),
            (JobGoal::Deliver, 2, 4),
        ] {
            let count = |reach| {
                let all = ProjectStage::ALL.into_iter();
                all.filter(|stage| goal.readiness_at(*stage) == reach)
                    .count()
            };
            assert_eq!(
                (count(GoalReadiness::Now), count(GoalReadiness::Later)),
                (now, later),
                "{goal}"
            );
            assert_eq!(goal.name().parse(), Ok(goal));
        }
        assert_eq!(
            JobGoal::Build.readiness_at(ProjectStage::DemoReview),
            GoalReadiness::Never
        );
        assert_eq!(
            JobGoal::Deliver.readiness_at(ProjectStage::Building),
            GoalReadiness::Later
        );
        assert!("ship".parse::<JobGoal>().is_err());
    }
}

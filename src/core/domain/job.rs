//! A job: a stage of a project that somebody asked background workers for.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::InvalidTransition;
use super::ids::{JobId, ProjectId};
use super::priority::Priority;
use super::project::Stage;

/// Which stage is to be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// The plan.
    Plan,
    /// The demos.
    #[serde(rename = "demo")]
    Demos,
    /// The product.
    Build,
    /// The acceptance criteria.
    Verify,
    /// The delivery.
    Deliver,
}

/// Whether a project may work towards a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is where the work begins, or in the middle of it.
    Now,
    /// Other work that needs no decision of the admin comes first.
    Later,
    /// It is past it, or a decision of the admin comes first.
    Never,
}

impl Goal {
    /// All goals, in order.
    pub const ALL: [Goal; 5] = [
        Goal::Plan,
        Goal::Demos,
        Goal::Build,
        Goal::Verify,
        Goal::Deliver,
    ];

    /// Returns the name used in SQL, JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Goal::Plan => "plan",
            Goal::Demos => "demo",
            Goal::Build => "build",
            Goal::Verify => "verify",
            Goal::Deliver => "deliver",
        }
    }

    /// Returns whether a project at `stage` may work towards the goal.
    pub fn reach(self, stage: Stage) -> Reach {
        let (first, last, earliest) = self.span();
        let place = |stage| Stage::ALL.iter().position(|other| *other == stage);
        let at = place(stage);
        if (place(first)..=place(last)).contains(&at) {
            Reach::Now
        } else if (place(earliest)..place(first)).contains(&at) {
            Reach::Later
        } else {
            Reach::Never
        }
    }

    /// Returns the stages in which its work begins and ends, and from which on no decision of the
    /// admin stands between. A verification that failed goes back to the build.
    fn span(self) -> (Stage, Stage, Stage) {
        match self {
            Goal::Plan => (Stage::Created, Stage::PlanReview, Stage::Created),
            Goal::Demos => (Stage::PlanApproved, Stage::DemoReview, Stage::PlanApproved),
            Goal::Build => (Stage::DemoApproved, Stage::Built, Stage::DemoApproved),
            Goal::Verify => (Stage::Building, Stage::Verified, Stage::DemoApproved),
            Goal::Deliver => (Stage::Verified, Stage::Delivering, Stage::DemoApproved),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no goal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no goal is called {0:?}")]
pub struct UnknownGoal(String);

impl FromStr for Goal {
    type Err = UnknownGoal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Goal::ALL.into_iter().find(|goal| goal.name() == text);
        found.ok_or_else(|| UnknownGoal(text.to_owned()))
    }
}

/// A stage of a project that somebody asked for. A project has one open job for each goal at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Whose.
    pub project: ProjectId,
    /// What is to be reached.
    pub goal: Goal,
    /// Where it stands.
    pub state: JobState,
    /// The project's priority: higher ones are taken first.
    pub priority: Priority,
    /// How long the project's jobs ran lately, in microseconds, when this one came into the queue:
    /// of equal priorities the one that had least is taken first.
    pub used_micros: i64,
    /// How long it ran itself so far, in microseconds, over all its workers.
    pub worked_micros: i64,
    /// Who asked for it.
    pub requested_by: String,
    /// How many times a worker took it.
    pub attempt: u32,
    /// Rises with every change of the row. A worker that lost the job cannot write from it.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When a worker last took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JobState {
    /// It waits for a worker.
    Queued {
        /// Since when.
        since: Timestamp,
        /// Why it is back, where it was taken before.
        reason: Option<String>,
    },
    /// A worker is at it.
    Running {
        /// The worker's name.
        worker: String,
        /// Since when.
        since: Timestamp,
    },
    /// A worker is at it and was told to stop.
    Cancelling {
        /// The worker's name.
        worker: String,
        /// Since when it is at it.
        since: Timestamp,
    },
    /// The goal was reached.
    Done {
        /// When.
        at: Timestamp,
    },
    /// The goal cannot be reached as things are.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
        /// The exit code that a command in the foreground would have had.
        exit_code: u8,
    },
    /// The admin must decide something before it can go on.
    NeedsDecision {
        /// When.
        at: Timestamp,
        /// What.
        question: String,
    },
    /// The admin did not want it any more.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    /// A worker takes it.
    Claim {
        /// The worker's name.
        worker: String,
    },
    /// The goal was reached.
    Finish,
    /// The goal cannot be reached as things are.
    Fail {
        /// Why.
        reason: String,
        /// The exit code that a command in the foreground would have had.
        exit_code: u8,
    },
    /// The admin must decide something.
    Ask {
        /// What.
        question: String,
    },
    /// Its worker put it down, or died.
    Release {
        /// Why.
        reason: String,
    },
    /// The admin does not want it any more.
    Cancel,
}

impl JobEvent {
    /// Returns the event as a verb.
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

    /// Whether it is still to be done.
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

    /// Returns the worker that is at it, and since when.
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
            JobState::Queued { .. } => queued(event, now),
            JobState::Running { worker, since } => running(worker, *since, event, now),
            JobState::Cancelling { .. } => cancelling(event, now),
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

fn queued(event: &JobEvent, now: Timestamp) -> Option<JobState> {
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

fn running(worker: &str, since: Timestamp, event: &JobEvent, now: Timestamp) -> Option<JobState> {
    match event {
        JobEvent::Release { reason } => Some(JobState::Queued {
            since: now,
            reason: Some(reason.clone()),
        }),
        JobEvent::Cancel => Some(JobState::Cancelling {
            worker: worker.to_owned(),
            since,
        }),
        JobEvent::Finish | JobEvent::Fail { .. } | JobEvent::Ask { .. } => ended(event, now),
        JobEvent::Claim { .. } => None,
    }
}

/// A worker that was told to stop may come to an end of its own before it hears of it.
fn cancelling(event: &JobEvent, now: Timestamp) -> Option<JobState> {
    match event {
        JobEvent::Release { .. } => Some(JobState::Cancelled { at: now }),
        JobEvent::Finish | JobEvent::Fail { .. } | JobEvent::Ask { .. } => ended(event, now),
        JobEvent::Claim { .. } | JobEvent::Cancel => None,
    }
}

fn ended(event: &JobEvent, now: Timestamp) -> Option<JobState> {
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
    fn a_gate_is_never_passed_by_asking() {
        for (goal, now, later) in [
            (Goal::Plan, 3, 0),
            (Goal::Demos, 3, 0),
            (Goal::Build, 3, 0),
            (Goal::Verify, 4, 1),
            (Goal::Deliver, 2, 4),
        ] {
            let count = |reach| {
                let all = Stage::ALL.into_iter();
                all.filter(|stage| goal.reach(*stage) == reach).count()
            };
            assert_eq!(
                (count(Reach::Now), count(Reach::Later)),
                (now, later),
                "{goal}"
            );
            assert_eq!(goal.name().parse(), Ok(goal));
        }
        assert_eq!(Goal::Build.reach(Stage::DemoReview), Reach::Never);
        assert_eq!(Goal::Deliver.reach(Stage::Building), Reach::Later);
        assert!("ship".parse::<Goal>().is_err());
    }
}

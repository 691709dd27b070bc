//! A demo: one of several alternative answers to a plan, shown to the admin before the build.

pub mod artifact;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{DemoId, ProjectId, TaskId};
use crate::InvalidTransition;
use crate::ids::commit::CommitId;

/// One alternative answer to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    pub id: DemoId,
    pub project: ProjectId,
    pub task: TaskId,
    /// From 1, over all rounds; people refer to demos by it.
    pub number: u32,
    /// The round, from 1; after a rejected round the next one starts.
    pub round: u32,
    /// How it differs from the other demos of its round.
    pub direction: String,
    pub state: DemoState,
    /// The commit that was built.
    pub commit: Option<CommitId>,
    /// The preview's URL, while the preview runs.
    pub preview_url: Option<String>,
    pub preview: Option<PreviewProcess>,
    /// The admin's feedback.
    pub feedback: Option<String>,
    /// Incremented by each change of the row.
    pub version: i64,
    pub created_at: Timestamp,
    pub approved_at: Option<Timestamp>,
}

/// A process that serves a preview. Its start time tells it from a later process with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewProcess {
    /// The host, as [`crate::process::HostIdentity`] identifies hosts.
    pub host: String,
    pub pid: u32,
    /// Its start time in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    pub start: i64,
}

/// The state of a demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum DemoState {
    Building,
    /// Built; its preview is starting and has not answered yet.
    Starting {
        since: Timestamp,
    },
    Ready {
        at: Timestamp,
    },
    /// It could not be built, or its preview never answered.
    Failed {
        at: Timestamp,
        reason: String,
    },
    Approved {
        at: Timestamp,
    },
    Rejected {
        at: Timestamp,
    },
    Superseded {
        at: Timestamp,
    },
}

/// An event in the life of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DemoEvent {
    Built,
    Answer,
    /// It could not be built, or its preview never answered.
    Fail {
        reason: String,
    },
    /// It returns to its agent.
    Retry,
    Approve,
    Reject,
    Supersede,
}

impl DemoEvent {
    /// Returns the event as a verb phrase, for messages and the audit trail.
    pub fn name(&self) -> &'static str {
        match self {
            DemoEvent::Built => "be built",
            DemoEvent::Answer => "answer",
            DemoEvent::Fail { .. } => "fail",
            DemoEvent::Retry => "be retried",
            DemoEvent::Approve => "be approved",
            DemoEvent::Reject => "be rejected",
            DemoEvent::Supersede => "be superseded",
        }
    }
}

impl DemoState {
    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            DemoState::Building => "building",
            DemoState::Starting { .. } => "starting",
            DemoState::Ready { .. } => "ready",
            DemoState::Failed { .. } => "failed",
            DemoState::Approved { .. } => "approved",
            DemoState::Rejected { .. } => "rejected",
            DemoState::Superseded { .. } => "superseded",
        }
    }

    /// Returns the state after `event` at `now`.
    pub fn apply(&self, event: &DemoEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        let next = match self {
            DemoState::Building => from_building(event, now),
            DemoState::Starting { .. } => from_starting(event, now),
            DemoState::Ready { .. } => from_ready(event, now),
            DemoState::Failed { .. } => from_failed(event, now),
            DemoState::Approved { .. }
            | DemoState::Rejected { .. }
            | DemoState::Superseded { .. } => None,
        };
        next.ok_or(InvalidTransition {
            entity: "demo",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn from_building(event: &DemoEvent, now: Timestamp) -> Option<DemoState> {
    match event {
        DemoEvent::Built => Some(DemoState::Starting { since: now }),
        DemoEvent::Fail { reason } => Some(DemoState::Failed {
            at: now,
            reason: reason.clone(),
        }),
        DemoEvent::Answer
        | DemoEvent::Retry
        | DemoEvent::Approve
        | DemoEvent::Reject
        | DemoEvent::Supersede => None,
    }
}

fn from_starting(event: &DemoEvent, now: Timestamp) -> Option<DemoState> {
    match event {
        DemoEvent::Answer => Some(DemoState::Ready { at: now }),
        DemoEvent::Fail { reason } => Some(DemoState::Failed {
            at: now,
            reason: reason.clone(),
        }),
        DemoEvent::Retry => Some(DemoState::Building),
        DemoEvent::Built | DemoEvent::Approve | DemoEvent::Reject | DemoEvent::Supersede => None,
    }
}

fn from_ready(event: &DemoEvent, now: Timestamp) -> Option<DemoState> {
    match event {
        DemoEvent::Approve => Some(DemoState::Approved { at: now }),
        DemoEvent::Reject => Some(DemoState::Rejected { at: now }),
        DemoEvent::Supersede => Some(DemoState::Superseded { at: now }),
        DemoEvent::Built | DemoEvent::Answer | DemoEvent::Fail { .. } | DemoEvent::Retry => None,
    }
}

fn from_failed(event: &DemoEvent, now: Timestamp) -> Option<DemoState> {
    match event {
        DemoEvent::Retry => Some(DemoState::Building),
        DemoEvent::Reject => Some(DemoState::Rejected { at: now }),
        DemoEvent::Supersede => Some(DemoState::Superseded { at: now }),
        DemoEvent::Built | DemoEvent::Answer | DemoEvent::Fail { .. } | DemoEvent::Approve => None,
    }
}

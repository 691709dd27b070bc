//! A demo: one of several rival answers to a plan, to be looked at before the build.

pub mod artifact;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{DemoId, ProjectId, TaskId};
use crate::InvalidTransition;
use crate::ids::commit::CommitId;

/// One rival answer to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// Its identity.
    pub id: DemoId,
    /// Whose demo it is.
    pub project: ProjectId,
    /// The task that builds it.
    pub task: TaskId,
    /// From 1, over all rounds: what people type.
    pub number: u32,
    /// The round that it belongs to, from 1; a rejected round is followed by the next.
    pub round: u32,
    /// In which direction it differs from its rivals.
    pub direction: String,
    /// Where it stands.
    pub state: DemoState,
    /// What was built.
    pub commit: Option<CommitId>,
    /// Where it can be looked at, while its preview runs.
    pub preview_url: Option<String>,
    /// The process that serves the preview.
    pub preview: Option<PreviewProcess>,
    /// What the admin said of it.
    pub feedback: Option<String>,
    /// Rises with every change of the row.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was approved.
    pub approved_at: Option<Timestamp>,
}

/// A process that serves a preview, told apart from a later one with the same id by its start time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewProcess {
    /// The host, as leases tell hosts apart.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Its start time in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    pub start: i64,
}

/// Where a demo stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum DemoState {
    /// Being built.
    Building,
    /// Built; its preview is being started and has not answered yet.
    Starting {
        /// Since when.
        since: Timestamp,
    },
    /// Its preview answered.
    Ready {
        /// When.
        at: Timestamp,
    },
    /// It could not be built, or its preview never answered.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// The admin chose it.
    Approved {
        /// When.
        at: Timestamp,
    },
    /// The admin did not want it.
    Rejected {
        /// When.
        at: Timestamp,
    },
    /// The admin chose another.
    Superseded {
        /// When.
        at: Timestamp,
    },
}

/// What can happen to a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DemoEvent {
    /// Its agent is done.
    Built,
    /// Its preview answered.
    Answer,
    /// It could not be built, or its preview never answered.
    Fail {
        /// Why.
        reason: String,
    },
    /// It goes back to its agent.
    Retry,
    /// The admin chooses it.
    Approve,
    /// The admin does not want it.
    Reject,
    /// The admin chose another.
    Supersede,
}

impl DemoEvent {
    /// Returns the event as a verb.
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

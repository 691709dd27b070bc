//! A plan: what is to be built, and the gate at which the admin says so.

pub mod diagnostics;
pub mod document;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{PlanId, ProjectId};
use crate::InvalidTransition;
use crate::plan::document::PlanDocument;

/// One plan of a project; a rejected one is followed by the next number.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// Whose plan it is.
    pub project: ProjectId,
    /// From 1.
    pub number: u32,
    /// Where it stands.
    pub state: PlanState,
    /// What it says, once it was validated.
    pub document: Option<PlanDocument>,
    /// Rises with every change of the row.
    pub version: i64,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// Where a plan stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum PlanState {
    /// Agents are at work on it.
    Drafting,
    /// It waits for the admin.
    Proposed {
        /// Since when.
        at: Timestamp,
    },
    /// The admin approved it.
    Approved {
        /// When.
        at: Timestamp,
    },
    /// The admin rejected it.
    Rejected {
        /// When.
        at: Timestamp,
        /// What the next plan must do better.
        feedback: String,
    },
}

/// What can happen to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanEvent {
    /// A valid plan was returned.
    Propose,
    /// The admin approves.
    Approve,
    /// The admin rejects.
    Reject {
        /// What the next plan must do better.
        feedback: String,
    },
}

impl PlanEvent {
    /// Returns the event as a verb.
    pub fn name(&self) -> &'static str {
        match self {
            PlanEvent::Propose => "be proposed",
            PlanEvent::Approve => "be approved",
            PlanEvent::Reject { .. } => "be rejected",
        }
    }
}

impl PlanState {
    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            PlanState::Drafting => "drafting",
            PlanState::Proposed { .. } => "proposed",
            PlanState::Approved { .. } => "approved",
            PlanState::Rejected { .. } => "rejected",
        }
    }

    /// Returns the state after `event` at `now`.
    pub fn apply(&self, event: &PlanEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        match (self, event) {
            (PlanState::Drafting, PlanEvent::Propose) => Ok(PlanState::Proposed { at: now }),
            (PlanState::Proposed { .. }, PlanEvent::Approve) => Ok(PlanState::Approved { at: now }),
            (PlanState::Proposed { .. }, PlanEvent::Reject { feedback }) => {
                Ok(PlanState::Rejected {
                    at: now,
                    feedback: feedback.clone(),
                })
            }
            (PlanState::Drafting, PlanEvent::Approve | PlanEvent::Reject { .. })
            | (PlanState::Proposed { .. }, PlanEvent::Propose)
            | (
                PlanState::Approved { .. } | PlanState::Rejected { .. },
                PlanEvent::Propose | PlanEvent::Approve | PlanEvent::Reject { .. },
            ) => Err(InvalidTransition {
                entity: "plan",
                state: self.status(),
                event: event.name(),
            }),
        }
    }
}

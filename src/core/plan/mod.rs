//! A plan: what will be built, and the gate at which the admin approves it.

pub mod diagnostics;
pub mod document;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{PlanId, ProjectId};
use crate::InvalidTransition;
use crate::plan::document::PlanDocument;

/// One plan of a project; after a rejected plan, the next one has the next number.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub id: PlanId,
    pub project: ProjectId,
    /// From 1.
    pub number: u32,
    pub state: PlanState,
    /// The content, once it is valid.
    pub document: Option<PlanDocument>,
    /// Incremented by each change of the row.
    pub version: i64,
    pub created_at: Timestamp,
}

/// The state of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum PlanState {
    Drafting,
    /// It waits for the admin.
    Proposed {
        at: Timestamp,
    },
    Approved {
        at: Timestamp,
    },
    Rejected {
        at: Timestamp,
        /// What the next plan must improve.
        feedback: String,
    },
}

/// An event in the life of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanEvent {
    Propose,
    Approve,
    Reject {
        /// What the next plan must improve.
        feedback: String,
    },
}

impl PlanEvent {
    /// Returns the event as a verb phrase, for messages and the audit trail.
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

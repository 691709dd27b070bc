//! Decisions of the admin at a gate.

use jiff::Timestamp;

use crate::ids::ProjectId;

/// A decision of the admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub project: ProjectId,
    /// `plan 1`, `demo 2` or `task T3`.
    pub subject: String,
    /// `approved`, `rejected` or `retried`.
    pub decision: String,
    pub feedback: Option<String>,
    /// The host's user.
    pub decided_by: String,
    pub decided_at: Timestamp,
}

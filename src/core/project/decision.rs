//! What the admin decided at a gate.

use jiff::Timestamp;

use crate::ids::ProjectId;

/// A decision of the admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whose.
    pub project: ProjectId,
    /// About what: `plan 1`, `demo 2`, `task T3`.
    pub subject: String,
    /// `approved`, `rejected` or `retried`.
    pub decision: String,
    /// The admin's words.
    pub feedback: Option<String>,
    /// The host's user who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

//! Evidence: what a role other than the author found when it checked a criterion.

use jiff::Timestamp;

use crate::agent::role::Role;
use crate::ids::commit::CommitId;
use crate::ids::{AgentId, ProjectId};

/// The outcome of one criterion's check on one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Whose.
    pub project: ProjectId,
    /// The round of verification, from 1.
    pub round: u32,
    /// The criterion of the plan.
    pub criterion: String,
    /// The commit that was checked.
    pub commit: CommitId,
    /// Who checked.
    pub agent: AgentId,
    /// As what.
    pub role: Role,
    /// The command that was run, for criteria that have one.
    pub command: Option<String>,
    /// How it ended: `exit 0`, `signal 9`, `timed out`.
    pub exit: Option<String>,
    /// What it printed, shortened.
    pub output: String,
    /// Whether the criterion holds.
    pub passed: bool,
    /// Why, in the checker's words.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

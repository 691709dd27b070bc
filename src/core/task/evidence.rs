//! Evidence: the result of a role other than the author that checked a criterion.

use jiff::Timestamp;

use crate::agent::role::Role;
use crate::ids::commit::CommitId;
use crate::ids::{AgentId, ProjectId};

/// The outcome of one criterion's check on one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub project: ProjectId,
    /// The round of verification, from 1.
    pub round: u32,
    pub criterion: String,
    pub commit: CommitId,
    pub agent: AgentId,
    pub role: Role,
    /// Set for criteria that have a command.
    pub command: Option<String>,
    /// How the command ended: `exit 0`, `signal 9`, `timed out`.
    pub exit: Option<String>,
    /// Shortened.
    pub output: String,
    pub passed: bool,
    /// The verdict of the verifier, or how the check ended.
    pub reason: String,
    pub created_at: Timestamp,
}

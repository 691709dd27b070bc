//! A checkpoint: what is needed to go on where an agent stopped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::commit::CommitId;
use crate::ids::{AgentId, CheckpointId, ProjectId, SessionId};

/// Where an agent stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its identity.
    pub id: CheckpointId,
    /// Whose checkpoint it is.
    pub project: ProjectId,
    /// The agent that stopped.
    pub agent: AgentId,
    /// How far it was.
    pub state: CheckpointState,
    /// The commit that holds the agent's files, under `refs/eklavya/checkpoints/`.
    pub file_snapshot: CommitId,
    /// What to type to go on.
    pub resume_instructions: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How far an agent was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointState {
    /// The task.
    pub task: String,
    /// The attempt at it.
    pub attempt: u32,
    /// The conversation.
    pub session: SessionId,
    /// Why it stopped.
    pub reason: String,
}

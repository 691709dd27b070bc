//! A checkpoint: the state from which an agent can resume.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::commit::CommitId;
use crate::ids::{AgentId, CheckpointId, ProjectId, SessionId};

/// The state in which an agent stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub id: CheckpointId,
    pub project: ProjectId,
    pub agent: AgentId,
    pub state: CheckpointState,
    /// The commit with the agent's files, under `refs/eklavya/checkpoints/`.
    pub file_snapshot: CommitId,
    /// The command that resumes the work.
    pub resume_instructions: String,
    pub created_at: Timestamp,
}

/// How far an agent had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointState {
    pub task: String,
    pub attempt: u32,
    pub session: SessionId,
    pub reason: String,
}

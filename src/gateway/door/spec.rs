//! The agent behind a door.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::egress_policy::EgressPolicy;
use eklavya_core::agent::role::Role;
use eklavya_core::ids::{AgentId, ProjectId, TaskId};

/// The agent that a door is opened for, and what it may reach.
#[derive(Debug, Clone)]
pub struct DoorSpec {
    pub project: ProjectId,
    /// The project's name on the command line.
    pub slug: String,
    pub task: TaskId,
    /// The task's name on the command line, e.g. `T3` or `demo-2`; rehearsals match it.
    pub task_key: String,
    pub agent: AgentId,
    pub role: Role,
    /// The attempt at the task, from 1.
    pub attempt: u32,
    /// The directory of the socket; created if it does not exist.
    pub socket_dir: PathBuf,
    /// The user and group that the agent runs as, if they differ from this process's own.
    pub owner: Option<(u32, u32)>,
    /// Values for rehearsals and recordings: `project`, `demo`, `clone`.
    pub variables: BTreeMap<String, String>,
    /// What the agent may reach besides the model.
    pub egress_policy: EgressPolicy,
}

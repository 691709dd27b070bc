//! An agent: one run of one role on one task.

pub mod checkpoint;
pub mod message;
pub mod role;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{AgentId, ProjectId, SessionId, TaskId};
use crate::InvalidTransition;
use crate::agent::role::Role;

/// One run of one role on one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub id: AgentId,
    pub project: ProjectId,
    pub task: TaskId,
    pub role: Role,
    pub state: AgentState,
    /// The process id on `host`, while a process exists.
    pub pid: Option<u32>,
    /// The process's start time in clock ticks since boot, which tells it from a later process with
    /// the same id.
    pub process_start: Option<i64>,
    /// The host of its process, as [`crate::process::HostIdentity`] identifies hosts.
    pub host: String,
    /// The directory of its session: clone, home, tmp and door.
    pub working_dir: String,
    pub session: SessionId,
    /// The number of the task's attempt.
    pub attempt: u32,
    pub sandboxed: bool,
    /// Whether a rehearsal answers in place of a model.
    pub rehearsal: bool,
    pub model: String,
    pub worker: String,
    /// The fence of the lease under which it runs.
    pub fence: i64,
    /// Tokens of all kinds.
    pub tokens_used: i64,
    pub last_heartbeat: Timestamp,
    /// Incremented by each change of the row.
    pub version: i64,
    pub created_at: Timestamp,
}

/// The state of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum AgentState {
    /// Recorded, but its process has not started.
    Starting,
    Running {
        since: Timestamp,
    },
    Completed {
        at: Timestamp,
    },
    Failed {
        at: Timestamp,
        reason: String,
    },
    /// Stopped; it can be resumed.
    Interrupted {
        at: Timestamp,
    },
    Killed {
        at: Timestamp,
    },
    /// Its worker died, and the agent with it.
    Lost {
        /// When the loss was detected.
        at: Timestamp,
    },
}

/// An event in the life of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    Spawn,
    Complete,
    Fail { reason: String },
    Interrupt,
    Kill,
    Lose,
}

impl AgentEvent {
    /// Returns the event as a verb phrase, for messages and the audit trail.
    pub fn name(&self) -> &'static str {
        match self {
            AgentEvent::Spawn => "be spawned",
            AgentEvent::Complete => "be completed",
            AgentEvent::Fail { .. } => "fail",
            AgentEvent::Interrupt => "be interrupted",
            AgentEvent::Kill => "be killed",
            AgentEvent::Lose => "be lost",
        }
    }
}

impl AgentState {
    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            AgentState::Starting => "starting",
            AgentState::Running { .. } => "running",
            AgentState::Completed { .. } => "completed",
            AgentState::Failed { .. } => "failed",
            AgentState::Interrupted { .. } => "interrupted",
            AgentState::Killed { .. } => "killed",
            AgentState::Lost { .. } => "lost",
        }
    }

    /// Returns whether the agent has or may have a process.
    pub fn is_live(&self) -> bool {
        match self {
            AgentState::Starting | AgentState::Running { .. } => true,
            AgentState::Completed { .. }
            | AgentState::Failed { .. }
            | AgentState::Interrupted { .. }
            | AgentState::Killed { .. }
            | AgentState::Lost { .. } => false,
        }
    }

    /// Returns the state after `event` at `now`.
    pub fn apply(&self, event: &AgentEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        let next = match self {
            AgentState::Starting => match event {
                AgentEvent::Spawn => Some(AgentState::Running { since: now }),
                AgentEvent::Complete => None,
                AgentEvent::Fail { .. }
                | AgentEvent::Interrupt
                | AgentEvent::Kill
                | AgentEvent::Lose => end_state(event, now),
            },
            AgentState::Running { .. } => match event {
                AgentEvent::Spawn => None,
                AgentEvent::Complete
                | AgentEvent::Fail { .. }
                | AgentEvent::Interrupt
                | AgentEvent::Kill
                | AgentEvent::Lose => end_state(event, now),
            },
            AgentState::Completed { .. }
            | AgentState::Failed { .. }
            | AgentState::Interrupted { .. }
            | AgentState::Killed { .. }
            | AgentState::Lost { .. } => None,
        };
        next.ok_or(InvalidTransition {
            entity: "agent",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn end_state(event: &AgentEvent, at: Timestamp) -> Option<AgentState> {
    match event {
        AgentEvent::Spawn => None,
        AgentEvent::Complete => Some(AgentState::Completed { at }),
        AgentEvent::Fail { reason } => Some(AgentState::Failed {
            at,
            reason: reason.clone(),
        }),
        AgentEvent::Interrupt => Some(AgentState::Interrupted { at }),
        AgentEvent::Kill => Some(AgentState::Killed { at }),
        AgentEvent::Lose => Some(AgentState::Lost { at }),
    }
}

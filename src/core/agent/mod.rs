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
    /// Its identity.
    pub id: AgentId,
    /// Whose agent it is.
    pub project: ProjectId,
    /// What it works on.
    pub task: TaskId,
    /// As what.
    pub role: Role,
    /// Where it stands.
    pub state: AgentState,
    /// The process id on `host`, while there is a process.
    pub pid: Option<u32>,
    /// That process's start time in clock ticks since boot, which tells it from a later one.
    pub process_start: Option<i64>,
    /// The host of its process, as leases tell hosts apart.
    pub host: String,
    /// The directory of its conversation: clone, home, tmp and door.
    pub working_dir: String,
    /// The conversation.
    pub session: SessionId,
    /// The attempt at the task that it makes.
    pub attempt: u32,
    /// Whether a sandbox holds it.
    pub sandboxed: bool,
    /// Whether a rehearsal answers it in place of a model.
    pub rehearsal: bool,
    /// The model that it asks for.
    pub model: String,
    /// The worker that runs it.
    pub worker: String,
    /// The tenure in which it runs.
    pub fence: i64,
    /// Tokens of all kinds that it has used.
    pub tokens_used: i64,
    /// Its last sign of life.
    pub last_heartbeat: Timestamp,
    /// Rises with every change of the row.
    pub version: i64,
    /// When it was spawned.
    pub created_at: Timestamp,
}

/// Where an agent stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum AgentState {
    /// Written down, not yet a process.
    Starting,
    /// A process.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It did what it was to do.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// It ended without.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It was stopped and can go on later.
    Interrupted {
        /// When.
        at: Timestamp,
    },
    /// The admin ended it.
    Killed {
        /// When.
        at: Timestamp,
    },
    /// Its worker died, and it with it.
    Lost {
        /// When that was found out.
        at: Timestamp,
    },
}

/// What can happen to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// Its process runs.
    Spawn,
    /// It did what it was to do.
    Complete,
    /// It ended without.
    Fail {
        /// Why.
        reason: String,
    },
    /// It is stopped, to go on later.
    Interrupt,
    /// The admin ends it.
    Kill,
    /// Its worker is found dead.
    Lose,
}

impl AgentEvent {
    /// Returns the event as a verb.
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

    /// Whether there is or may be a process.
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

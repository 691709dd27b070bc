//! A task: one unit of work for one role. All work of agents belongs to tasks.

pub mod evidence;
pub mod subject;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::subject::TaskSubject;
use super::ids::{AgentId, ProjectId, SessionId, TaskId};
use super::money::MicroUsd;
use crate::InvalidTransition;
use crate::agent::role::Role;
use crate::ids::commit::CommitId;

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub id: TaskId,
    pub project: ProjectId,
    /// The name for people, unique in the project: `T3`, `demo-2`, `plan-1-requirements`.
    pub key: String,
    pub kind: TaskKind,
    /// What the key states: the number of a demo, the round of a verification.
    pub subject: TaskSubject,
    pub role: Role,
    /// One line.
    pub title: String,
    pub description: String,
    /// The ids of the acceptance criteria that the task serves.
    pub criteria: Vec<String>,
    /// Keys of the tasks that must be done before this one.
    pub depends_on: Vec<String>,
    /// A higher number goes first.
    pub priority: i64,
    pub estimate: MicroUsd,
    pub state: TaskState,
    /// The number of the next or running attempt, from 1. Returned work counts, an interruption does
    /// not.
    pub attempt: u32,
    /// Why the last attempt was returned.
    pub feedback: Option<String>,
    /// The conversation that the next agent resumes.
    pub session: Option<SessionId>,
    /// The commit that the conversation's clone started from.
    pub base_commit: Option<CommitId>,
    /// The answer of the agent, for kinds with an answer schema.
    pub result: Option<serde_json::Value>,
    /// Increases with every change of the row.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskKind {
    /// Writes `docs/requirements.md`.
    Requirements,
    /// Writes `docs/architecture.md` and returns the plan.
    Architecture,
    /// Builds one rival demo.
    Demo,
    /// Builds a part of the product.
    Build,
    /// Repairs what a round of verification found.
    Fix,
    /// Checks the acceptance criteria.
    Verify,
}

impl TaskKind {
    /// Returns the name used in SQL, JSON and rehearsals.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Requirements => "requirements",
            TaskKind::Architecture => "architecture",
            TaskKind::Demo => "demo",
            TaskKind::Build => "build",
            TaskKind::Fix => "fix",
            TaskKind::Verify => "verify",
        }
    }

    /// Whether the build stage merges its work into the product.
    pub fn is_built(self) -> bool {
        match self {
            TaskKind::Build | TaskKind::Fix => true,
            TaskKind::Requirements | TaskKind::Architecture | TaskKind::Demo | TaskKind::Verify => {
                false
            }
        }
    }
}

impl std::str::FromStr for TaskKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use TaskKind::{Architecture, Build, Demo, Fix, Requirements, Verify};
        [Requirements, Architecture, Demo, Build, Fix, Verify]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("{text:?} is not a kind of task"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum TaskState {
    /// Ready as soon as the tasks that it depends on are done.
    Pending,
    /// An agent works on the task.
    Running {
        agent: AgentId,
        since: Timestamp,
    },
    /// The agent's work waits to be merged or judged.
    Submitted {
        agent: AgentId,
        commit: CommitId,
        since: Timestamp,
    },
    Done {
        agent: AgentId,
        /// The commit in which the work is part of its branch.
        commit: CommitId,
        at: Timestamp,
    },
    /// The admin must decide.
    Blocked {
        question: String,
        since: Timestamp,
    },
    Cancelled {
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// An agent starts work on the task.
    Start {
        agent: AgentId,
    },
    /// The agent submits its work.
    Submit {
        commit: CommitId,
    },
    Accept {
        /// The commit in which the work is part of its branch.
        commit: CommitId,
    },
    /// The work goes back to the agent.
    Return,
    /// The agent was stopped, or died; the attempt does not count.
    Interrupt,
    /// The admin must decide.
    Block {
        question: String,
    },
    /// The admin allows another attempt.
    Retry,
    Cancel,
}

impl TaskEvent {
    /// Returns the event as a verb for error messages.
    pub fn name(&self) -> &'static str {
        match self {
            TaskEvent::Start { .. } => "be started",
            TaskEvent::Submit { .. } => "be submitted",
            TaskEvent::Accept { .. } => "be accepted",
            TaskEvent::Return => "be returned",
            TaskEvent::Interrupt => "be interrupted",
            TaskEvent::Block { .. } => "be blocked",
            TaskEvent::Retry => "be retried",
            TaskEvent::Cancel => "be cancelled",
        }
    }
}

impl TaskState {
    /// Returns the name used as `status` in SQL and JSON.
    pub fn status(&self) -> &'static str {
        match self {
            TaskState::Pending => "pending",
            TaskState::Running { .. } => "running",
            TaskState::Submitted { .. } => "submitted",
            TaskState::Done { .. } => "done",
            TaskState::Blocked { .. } => "blocked",
            TaskState::Cancelled { .. } => "cancelled",
        }
    }

    /// Returns the agent that works or worked on the task.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            TaskState::Running { agent, .. }
            | TaskState::Submitted { agent, .. }
            | TaskState::Done { agent, .. } => Some(*agent),
            TaskState::Pending | TaskState::Blocked { .. } | TaskState::Cancelled { .. } => None,
        }
    }

    pub fn apply(&self, event: &TaskEvent, now: Timestamp) -> Result<Self, InvalidTransition> {
        let next = match self {
            TaskState::Pending => from_pending(event, now),
            TaskState::Running { agent, .. } => from_running(*agent, event, now),
            TaskState::Submitted { agent, .. } => from_submitted(*agent, event, now),
            TaskState::Blocked { .. } => from_blocked(event, now),
            TaskState::Done { .. } | TaskState::Cancelled { .. } => None,
        };
        next.ok_or(InvalidTransition {
            entity: "task",
            state: self.status(),
            event: event.name(),
        })
    }
}

fn from_pending(event: &TaskEvent, now: Timestamp) -> Option<TaskState> {
    match event {
        TaskEvent::Start { agent } => Some(TaskState::Running {
            agent: *agent,
            since: now,
        }),
        TaskEvent::Block { question } => Some(TaskState::Blocked {
            question: question.clone(),
            since: now,
        }),
        TaskEvent::Cancel => Some(TaskState::Cancelled { at: now }),
        TaskEvent::Submit { .. }
        | TaskEvent::Accept { .. }
        | TaskEvent::Return
        | TaskEvent::Interrupt
        | TaskEvent::Retry => None,
    }
}

fn from_running(agent: AgentId, event: &TaskEvent, now: Timestamp) -> Option<TaskState> {
    match event {
        TaskEvent::Submit { commit } => Some(TaskState::Submitted {
            agent,
            commit: commit.clone(),
            since: now,
        }),
        TaskEvent::Return | TaskEvent::Interrupt => Some(TaskState::Pending),
        TaskEvent::Block { question } => Some(TaskState::Blocked {
            question: question.clone(),
            since: now,
        }),
        TaskEvent::Cancel => Some(TaskState::Cancelled { at: now }),
        TaskEvent::Start { .. } | TaskEvent::Accept { .. } | TaskEvent::Retry => None,
    }
}

fn from_submitted(agent: AgentId, event: &TaskEvent, now: Timestamp) -> Option<TaskState> {
    match event {
        TaskEvent::Accept { commit } => Some(TaskState::Done {
            agent,
            commit: commit.clone(),
            at: now,
        }),
        TaskEvent::Return => Some(TaskState::Pending),
        TaskEvent::Block { question } => Some(TaskState::Blocked {
            question: question.clone(),
            since: now,
        }),
        TaskEvent::Cancel => Some(TaskState::Cancelled { at: now }),
        TaskEvent::Start { .. }
        | TaskEvent::Submit { .. }
        | TaskEvent::Interrupt
        | TaskEvent::Retry => None,
    }
}

fn from_blocked(event: &TaskEvent, now: Timestamp) -> Option<TaskState> {
    match event {
        TaskEvent::Retry => Some(TaskState::Pending),
        TaskEvent::Cancel => Some(TaskState::Cancelled { at: now }),
        TaskEvent::Start { .. }
        | TaskEvent::Submit { .. }
        | TaskEvent::Accept { .. }
        | TaskEvent::Return
        | TaskEvent::Interrupt
        | TaskEvent::Block { .. } => None,
    }
}

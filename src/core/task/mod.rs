//! A task: one unit of work for one role. Everything that agents do is a task.

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

/// One unit of work for one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its identity.
    pub id: TaskId,
    /// Whose task it is.
    pub project: ProjectId,
    /// What people type, unique in the project: `T3`, `demo-2`, `plan-1-requirements`.
    pub key: String,
    /// What is done with its result.
    pub kind: TaskKind,
    /// What the key states: the number of a demo, the round of a verification.
    pub subject: TaskSubject,
    /// Who does it.
    pub role: Role,
    /// A line about it.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// The acceptance criteria that it serves (ids of the plan).
    pub criteria: Vec<String>,
    /// Keys of the tasks that must be done first.
    pub depends_on: Vec<String>,
    /// Higher goes first.
    pub priority: i64,
    /// What the plan expects it to cost.
    pub estimate: MicroUsd,
    /// Where it stands.
    pub state: TaskState,
    /// Which attempt is next or running, from 1; work that was sent back counts, an interruption does not.
    pub attempt: u32,
    /// What the next attempt must do better.
    pub feedback: Option<String>,
    /// The conversation that the next agent goes on with, if there is one.
    pub session: Option<SessionId>,
    /// The commit that the conversation's clone started from.
    pub base_commit: Option<CommitId>,
    /// What the agent returned, for kinds that return something.
    pub result: Option<serde_json::Value>,
    /// Rises with every change of the row.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a task is for.
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
    /// Repairs what a verification found.
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

    /// Whether its work becomes part of the product by the merge of the build stage.
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
            .ok_or_else(|| format!("no kind of task is called {text:?}"))
    }
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum TaskState {
    /// To be done, as soon as what it depends on is.
    Pending,
    /// An agent is at work.
    Running {
        /// Which.
        agent: AgentId,
        /// Since when.
        since: Timestamp,
    },
    /// The agent's work is in; it waits to be merged or judged.
    Submitted {
        /// Whose work it is.
        agent: AgentId,
        /// The work.
        commit: CommitId,
        /// Since when.
        since: Timestamp,
    },
    /// Accepted.
    Done {
        /// Whose work it is.
        agent: AgentId,
        /// The commit in which the work is part of its branch.
        commit: CommitId,
        /// When.
        at: Timestamp,
    },
    /// The admin must decide.
    Blocked {
        /// The question.
        question: String,
        /// Since when.
        since: Timestamp,
    },
    /// No longer wanted.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// What can happen to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// An agent takes it.
    Start {
        /// Which.
        agent: AgentId,
    },
    /// The agent hands its work in.
    Submit {
        /// The work.
        commit: CommitId,
    },
    /// The work is accepted.
    Accept {
        /// The commit in which the work is part of its branch.
        commit: CommitId,
    },
    /// The work goes back to the agent.
    Return,
    /// The agent was stopped through no fault of its own.
    Interrupt,
    /// The admin must decide.
    Block {
        /// The question.
        question: String,
    },
    /// The admin lets it be tried again.
    Retry,
    /// It is no longer wanted.
    Cancel,
}

impl TaskEvent {
    /// Returns the event as a verb.
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

    /// Returns the agent that works or worked on it.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            TaskState::Running { agent, .. }
            | TaskState::Submitted { agent, .. }
            | TaskState::Done { agent, .. } => Some(*agent),
            TaskState::Pending | TaskState::Blocked { .. } | TaskState::Cancelled { .. } => None,
        }
    }

    /// Returns the state after `event` at `now`.
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

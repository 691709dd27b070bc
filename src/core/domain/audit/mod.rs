//! The audit trail: who did what, in chains that show every change made afterwards.

pub mod canonical;
pub mod chain;
pub mod clean;
pub mod file;
pub mod verify;

pub use chain::{Content, Hash, Head};
pub use clean::Cleaner;
pub use verify::{Fault, FaultKind, Verifier};

use serde_json::Value;

use super::ids::{AgentId, ProjectId};

/// One line of the audit trail, before it has its number and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The project that it concerns, if it concerns one.
    pub project: Option<ProjectId>,
    /// The agent that it concerns, if it concerns one.
    pub agent: Option<AgentId>,
    /// Who acted.
    pub actor: Actor,
    /// What was done: `project.create`, `task.submit`, `agent.tool`.
    pub action: String,
    /// The particulars; never a secret.
    pub details: Value,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person at the command line.
    Admin(String),
    /// The orchestration core.
    System,
    /// An agent.
    Agent(AgentId),
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::Admin(user) => write!(f, "admin:{user}"),
            Actor::System => f.write_str("system"),
            Actor::Agent(id) => write!(f, "agent:{id}"),
        }
    }
}

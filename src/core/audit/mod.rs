//! The audit trail: who did what, in chains that show every change made afterwards.

pub mod canonical;
pub mod chain;
pub mod export;
pub mod sanitize;
pub mod verify;

pub use crate::audit::sanitize::AuditSanitizer;
pub use chain::{AuditHash, ChainHead, RowContent};
pub use verify::{ChainFault, ChainFaultKind, ChainVerifier};

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
    pub actor: AuditActor,
    /// What was done: `project.create`, `task.submit`, `agent.tool`.
    pub action: String,
    /// The particulars; never a secret.
    pub details: Value,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// A person at the command line.
    Admin(String),
    /// The orchestration core.
    System,
    /// An agent.
    Agent(AgentId),
}

impl std::fmt::Display for AuditActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AuditActor::Admin(user) => write!(f, "admin:{user}"),
            AuditActor::System => f.write_str("system"),
            AuditActor::Agent(id) => write!(f, "agent:{id}"),
        }
    }
}

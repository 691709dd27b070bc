//! The audit trail: who did what, in hash chains that reveal later changes.

pub mod canonical;
pub(crate) mod chain;
pub mod export;
pub(crate) mod sanitize;
pub mod verify;

pub use crate::audit::sanitize::AuditSanitizer;
pub use chain::{AuditHash, ChainHead, RowContent};
pub use verify::{ChainFault, ChainFaultKind, ChainVerifier};

use serde_json::Value;

use super::ids::{AgentId, ProjectId};

/// An entry of the audit trail, before it has an id and a time.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    pub project: Option<ProjectId>,
    pub agent: Option<AgentId>,
    pub actor: AuditActor,
    /// For example `project.create`, `task.submit`, `agent.tool`.
    pub action: String,
    /// Details of the action, without secrets.
    pub details: Value,
}

/// The actor of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// A person at the command line.
    Admin(String),
    System,
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

//! The `budgets` table: for each scope its limit, what is reserved and what is spent.

use uuid::Uuid;

use super::{StoreError, Tx};
use crate::domain::ids::{AgentId, ProjectId, TaskId};
use crate::domain::money::MicroUsd;
use crate::params;

/// What a limit applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything on this installation.
    All,
    /// A project.
    Project(ProjectId),
    /// A task.
    Task(TaskId),
    /// An agent.
    Agent(AgentId),
}

impl Scope {
    /// Returns the name used in SQL and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Project(_) => "project",
            Scope::Task(_) => "task",
            Scope::Agent(_) => "agent",
        }
    }

    /// Returns the identity of what it applies to; the nil UUID for everything.
    pub fn id(self) -> Uuid {
        match self {
            Scope::All => Uuid::nil(),
            Scope::Project(id) => id.0,
            Scope::Task(id) => id.0,
            Scope::Agent(id) => id.0,
        }
    }
}

/// Sets the limit of a scope; none means that it has no limit of its own.
pub async fn set_limit(
    tx: &mut Tx,
    scope: Scope,
    limit: Option<MicroUsd>,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO budgets (scope, scope_id, limit_micros, reserved_micros, \
        spent_micros, warned_percent) VALUES ($1, $2, $3, 0, 0, 0) \
        ON CONFLICT (scope, scope_id) DO UPDATE SET limit_micros = excluded.limit_micros";
    tx.execute(SQL, params![scope.name(), scope.id(), limit])
        .await
        .map(|_| ())
}

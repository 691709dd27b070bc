//! Ending an agent on the admin's word.

use super::error::WorkflowError;
use crate::domain::agent::{Agent, AgentEvent};
use crate::domain::audit::Actor;
use crate::process::{self, Host};
use crate::sandbox;
use crate::services::{Desk, agents};

/// Ends an agent and everything that it started. Its worker then asks the admin what becomes of
/// the task.
///
/// The decision is written first: a worker that sees the process end finds out why.
pub async fn kill(desk: &Desk, actor: &Actor, agent: &Agent) -> Result<Agent, WorkflowError> {
    let killed = agents::advance(desk, actor, agent.id, AgentEvent::Kill, None).await?;
    // On another host, its worker reads the decision.
    if let (Some(pid), Some(start)) = (agent.pid, agent.process_start)
        && agent.host == Host::this().digest
        && process::is_alive(pid, start)
    {
        sandbox::kill_all(pid);
    }
    Ok(killed)
}

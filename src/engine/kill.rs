//! Ending an agent on the admin's word.

use super::error::WorkflowError;
use eklavya_core::domain::agent::{Agent, AgentEvent};
use eklavya_core::domain::audit::Actor;
use eklavya_core::process::{self, Host};
use eklavya_sandbox as sandbox;
use eklavya_services::{Desk, agents};

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

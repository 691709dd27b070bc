//! Killing an agent, as the admin decided.

use crate::context::error::EngineError;
use eklavya_core::agent::{Agent, AgentEvent};
use eklavya_core::audit::AuditActor;
use eklavya_core::process::{self, HostIdentity};
use eklavya_sandbox as sandbox;
use eklavya_services::{DataStore, agents};

/// Kills an agent and every process that it started. Its worker then asks the admin what to do with
/// the task.
///
/// The decision is recorded first: a worker that sees the process end reads why.
pub async fn kill_agent(
    data: &DataStore,
    actor: &AuditActor,
    agent: &Agent,
) -> Result<Agent, EngineError> {
    let killed = agents::advance(data, actor, agent.id, AgentEvent::Kill, None).await?;
    // On another host, its worker reads the decision.
    if let (Some(pid), Some(start)) = (agent.pid, agent.process_start)
        && agent.host == HostIdentity::current().digest
        && process::is_alive(pid, start)
    {
        sandbox::kill_sandbox(pid);
    }
    Ok(killed)
}

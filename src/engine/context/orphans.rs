//! Processes of agents whose worker has died or lost its project.
//!
//! They are found by the process ids in the database, never by name.

use std::collections::BTreeMap;

use super::error::EngineError;
use eklavya_core::agent::Agent;
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::ProjectId;
use eklavya_core::lease::Lease;
use eklavya_core::process::HostIdentity;
use eklavya_sandbox as sandbox;
use eklavya_services::{DataStore, agents, leases};

/// Ends the agents on this host whose lease is over: their workers froze, and other workers took over
/// their projects.
pub(crate) async fn end_orphans_on_host(
    data: &DataStore,
    host: &HostIdentity,
) -> Result<(), EngineError> {
    let mut known: BTreeMap<ProjectId, Option<Lease>> = BTreeMap::new();
    for agent in agents::with_process(data, &host.digest).await? {
        let lease = match known.get(&agent.project) {
            Some(lease) => lease.clone(),
            None => leases::of_project(data, agent.project).await?,
        };
        if lease
            .as_ref()
            .is_some_and(|lease| lease.fence > agent.fence)
        {
            end_agent_process(&agent).await?;
            agents::clear_process(data, &AuditActor::System, agent.id).await?;
        }
        known.insert(agent.project, lease);
    }
    Ok(())
}

/// Ends the process of an agent on this host and all processes that it started.
///
/// # Errors
/// [`EngineError::Failed`] if the process does not end.
pub(crate) async fn end_agent_process(agent: &Agent) -> Result<(), EngineError> {
    let (Some(pid), Some(start)) = (agent.pid, agent.process_start) else {
        return Ok(());
    };
    if sandbox::kill_orphan(pid, start).await {
        return Ok(());
    }
    Err(EngineError::Failed(format!(
        "process {pid} of agent {} does not end, although the agent's worker is gone; end the \
         process and run the command again",
        agent.id.short()
    )))
}

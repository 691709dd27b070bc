//! What agents leave on a host whose worker is gone or has lost its project: processes above all.
//!
//! They are found by what was written down about them, never by name.

use std::collections::BTreeMap;

use super::error::WorkflowError;
use eklavya_core::domain::agent::Agent;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::lease::Lease;
use eklavya_core::process::Host;
use eklavya_sandbox as sandbox;
use eklavya_services::{Desk, agents, leases};

/// Ends the processes on this host of agents whose tenure is over: their workers froze, and others
/// took their projects over.
pub(super) async fn end_on_host(desk: &Desk, host: &Host) -> Result<(), WorkflowError> {
    let mut known: BTreeMap<ProjectId, Option<Lease>> = BTreeMap::new();
    for agent in agents::with_process(desk, &host.digest).await? {
        let lease = match known.get(&agent.project) {
            Some(lease) => lease.clone(),
            None => leases::of_project(desk, agent.project).await?,
        };
        if lease
            .as_ref()
            .is_some_and(|lease| lease.fence > agent.fence)
        {
            end(&agent).await?;
            agents::forget_process(desk, &Actor::System, agent.id).await?;
        }
        known.insert(agent.project, lease);
    }
    Ok(())
}

/// Ends the process of an agent on this host and everything that it started; nothing of it is left
/// afterwards.
///
/// # Errors
/// [`WorkflowError::Failed`] where it does not end.
pub(super) async fn end(agent: &Agent) -> Result<(), WorkflowError> {
    let (Some(pid), Some(start)) = (agent.pid, agent.process_start) else {
        return Ok(());
    };
    if sandbox::end_orphan(pid, start).await {
        return Ok(());
    }
    Err(WorkflowError::Failed(format!(
        "process {pid} of agent {}, which nobody works with any more, does not end; end it and \
         repeat the command",
        agent.id.short()
    )))
}

//! Agents: write them down, follow their lives, find the ones that were lost.

use serde_json::{Value, json};

use crate::data_store::require_swapped;
use crate::event_log::notifications;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::agent::checkpoint::Checkpoint;
use eklavya_core::agent::{Agent, AgentEvent};
use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::{AgentId, ProjectId};
use eklavya_core::money::MicroUsd;
use eklavya_core::process;
use eklavya_store::{agents, budgets, checkpoints};

/// Writes down a new agent as part of a larger change.
pub async fn spawn_in(
    change: &mut Transaction,
    agent: &Agent,
    limit: Option<MicroUsd>,
) -> Result<(), ServiceError> {
    agents::insert(&mut change.sql, agent).await?;
    budgets::set_limit(&mut change.sql, budgets::Scope::Agent(agent.id), limit).await?;
    let event = Event::AgentSpawned {
        project_id: agent.project,
        agent_id: agent.id,
        agent_type: agent.role,
    };
    change.add_event(Some(agent.project), event);
    let details = json!({
        "role": agent.role, "session": agent.session, "attempt": agent.attempt,
        "sandboxed": agent.sandboxed, "rehearsal": agent.rehearsal, "model": agent.model,
        "worker": agent.worker, "fence": agent.fence,
    });
    change.add_audit(
        (Some(agent.project), Some(agent.id)),
        "agent.spawn",
        details,
    );
    Ok(())
}

/// Moves an agent on in a transaction of its own and returns it as it stands then.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let mut change = data.begin(actor).await?;
    let agent = advance_in(&mut change, id, event, pid).await?;
    change.commit().await?;
    Ok(agent)
}

/// Moves an agent on as part of a larger change.
pub async fn advance_in(
    change: &mut Transaction,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let found = agents::by_id(&mut change.sql, id).await?;
    let mut agent = found.ok_or_else(|| not_found(&id.short()))?;
    agent.state = agent
        .state
        .apply(&event, change.now)
        .map_err(|source| ServiceError::State {
            name: format!("agent {}", id.short()),
            source,
        })?;
    // The process of a lost agent may be on another host, and still run.
    if event != AgentEvent::Lose {
        agent.pid = pid;
        agent.process_start = pid.and_then(process::read_start_time);
    }
    agent.last_heartbeat = change.now;
    let swapped = agents::update(&mut change.sql, &agent).await?;
    require_swapped(swapped, || format!("agent {}", id.short()))?;
    agent.version += 1;
    if !agent.state.is_live() {
        let event = Event::AgentCompleted {
            agent_id: id,
            task_id: agent.task,
            result: agent.state.status().to_owned(),
        };
        change.add_event(Some(agent.project), event);
    }
    let details = json!({ "event": event.name(), "to": agent.state, "pid": pid });
    change.add_audit((Some(agent.project), Some(id)), "agent.advance", details);
    Ok(agent)
}

/// Tells that an agent ended because of something that only a person can mend, as part of a larger
/// change.
pub async fn notify_stopped_in(
    change: &mut Transaction,
    agent: &Agent,
    reason: &str,
) -> Result<(), ServiceError> {
    notifications::notify_stopped_in(change, (agent.project, agent.id), reason).await
}

/// Tells that an agent waits for something that passes by itself.
pub async fn emit_waiting(
    data: &DataStore,
    agent: &Agent,
    reason: &str,
) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    notifications::emit_blocked(&mut change, agent.project, Some(agent.id), reason, false);
    Ok(change.commit().await?)
}

/// Notes a sign of life.
pub async fn record_heartbeat(data: &DataStore, id: AgentId) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    agents::record_heartbeat(&mut change.sql, id, change.now).await?;
    change.commit().await?;
    Ok(())
}

/// One thing that an agent did, for the audit trail.
#[derive(Debug, Clone)]
pub struct AgentAction {
    /// `agent.tool`, …
    pub action: &'static str,
    /// The particulars.
    pub details: Value,
}

/// Notes what an agent did, in order, in one transaction; it is a sign of life as well.
pub async fn record_actions(
    data: &DataStore,
    project: ProjectId,
    id: AgentId,
    actions: &[AgentAction],
) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::Agent(id)).await?;
    agents::record_heartbeat(&mut change.sql, id, change.now).await?;
    for action in actions {
        let details = action.details.clone();
        change.add_audit((Some(project), Some(id)), action.action, details);
    }
    change.commit().await?;
    Ok(())
}

/// Keeps a checkpoint.
pub async fn save_checkpoint(
    data: &DataStore,
    checkpoint: &Checkpoint,
) -> Result<(), ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    checkpoints::insert(&mut change.sql, checkpoint).await?;
    let details = json!({
        "checkpoint": checkpoint.id, "snapshot": checkpoint.file_snapshot,
        "reason": checkpoint.state.reason,
    });
    let about = (Some(checkpoint.project), Some(checkpoint.agent));
    change.add_audit(about, "agent.checkpoint", details);
    change.commit().await?;
    Ok(())
}

/// Returns the agents that have a process on a host, of all projects, oldest first.
pub async fn with_process(data: &DataStore, host: &str) -> Result<Vec<Agent>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(agents::with_process(&mut tx, host).await?)
}

/// Notes that the process of an agent that was lost is gone.
pub async fn clear_process(
    data: &DataStore,
    actor: &AuditActor,
    id: AgentId,
) -> Result<(), ServiceError> {
    let mut change = data.begin(actor).await?;
    agents::clear_process(&mut change.sql, id).await?;
    change.commit().await?;
    Ok(())
}

/// Returns the agents of a project, or all of them, oldest first.
pub async fn list(
    data: &DataStore,
    project: Option<ProjectId>,
) -> Result<Vec<Agent>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(match project {
        Some(project) => agents::of_project(&mut tx, project).await?,
        None => agents::all(&mut tx).await?,
    })
}

/// Returns the agent with this identity.
pub async fn get(data: &DataStore, id: AgentId) -> Result<Agent, ServiceError> {
    let mut tx = data.begin_read().await?;
    agents::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| not_found(&id.short()))
}

/// Returns the one agent whose identity starts with `prefix`.
pub async fn find(data: &DataStore, prefix: &str) -> Result<Agent, ServiceError> {
    let mut tx = data.begin_read().await?;
    let mut found = agents::by_prefix(&mut tx, prefix).await?;
    match (found.pop(), found.len()) {
        (Some(agent), 0) if !prefix.is_empty() => Ok(agent),
        (None, _) => Err(not_found(prefix)),
        (Some(_), others) => Err(ServiceError::Ambiguous {
            what: "agents",
            prefix: prefix.to_owned(),
            count: others + 1,
        }),
    }
}

fn not_found(name: &str) -> ServiceError {
    ServiceError::NotFound {
        what: "agent",
        name: name.to_owned(),
    }
}

//! Agents: write them down, follow their lives, find the ones that were lost.

use serde_json::{Value, json};

use super::desk::won;
use super::{Change, Desk, ServiceError, notices};
use eklavya_core::domain::agent::{Agent, AgentEvent};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::checkpoint::Checkpoint;
use eklavya_core::domain::event::Event;
use eklavya_core::domain::ids::{AgentId, ProjectId};
use eklavya_core::domain::money::MicroUsd;
use eklavya_core::process;
use eklavya_store::{agents, budgets, checkpoints};

/// Writes down a new agent as part of a larger change.
pub async fn spawn_in(
    change: &mut Change,
    agent: &Agent,
    limit: Option<MicroUsd>,
) -> Result<(), ServiceError> {
    agents::insert(&mut change.tx, agent).await?;
    budgets::set_limit(&mut change.tx, budgets::Scope::Agent(agent.id), limit).await?;
    let event = Event::AgentSpawned {
        project_id: agent.project,
        agent_id: agent.id,
        agent_type: agent.role,
    };
    change.event(Some(agent.project), event);
    let details = json!({
        "role": agent.role, "session": agent.session, "attempt": agent.attempt,
        "sandboxed": agent.sandboxed, "rehearsal": agent.rehearsal, "model": agent.model,
        "worker": agent.worker, "fence": agent.fence,
    });
    change.audit(
        (Some(agent.project), Some(agent.id)),
        "agent.spawn",
        details,
    );
    Ok(())
}

/// Moves an agent on in a transaction of its own and returns it as it stands then.
pub async fn advance(
    desk: &Desk,
    actor: &Actor,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let mut change = desk.change(actor).await?;
    let agent = advance_in(&mut change, id, event, pid).await?;
    change.commit().await?;
    Ok(agent)
}

/// Moves an agent on as part of a larger change.
pub async fn advance_in(
    change: &mut Change,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let found = agents::by_id(&mut change.tx, id).await?;
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
        agent.process_start = pid.and_then(process::start_of);
    }
    agent.last_heartbeat = change.now;
    let swapped = agents::update(&mut change.tx, &agent).await?;
    won(swapped, || format!("agent {}", id.short()))?;
    agent.version += 1;
    if !agent.state.is_live() {
        let event = Event::AgentCompleted {
            agent_id: id,
            task_id: agent.task,
            result: agent.state.status().to_owned(),
        };
        change.event(Some(agent.project), event);
    }
    let details = json!({ "event": event.name(), "to": agent.state, "pid": pid });
    change.audit((Some(agent.project), Some(id)), "agent.advance", details);
    Ok(agent)
}

/// Tells that an agent ended because of something that only a person can mend, as part of a larger
/// change.
pub async fn stopped_in(
    change: &mut Change,
    agent: &Agent,
    reason: &str,
) -> Result<(), ServiceError> {
    notices::stopped_in(change, (agent.project, agent.id), reason).await
}

/// Tells that an agent waits for something that passes by itself.
pub async fn waits(desk: &Desk, agent: &Agent, reason: &str) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    notices::blocked(&mut change, agent.project, Some(agent.id), reason, false);
    Ok(change.commit().await?)
}

/// Notes a sign of life.
pub async fn beat(desk: &Desk, id: AgentId) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    agents::beat(&mut change.tx, id, change.now).await?;
    change.commit().await?;
    Ok(())
}

/// One thing that an agent did, for the audit trail.
#[derive(Debug, Clone)]
pub struct Action {
    /// `agent.tool`, …
    pub action: &'static str,
    /// The particulars.
    pub details: Value,
}

/// Notes what an agent did, in order, in one transaction; it is a sign of life as well.
pub async fn note(
    desk: &Desk,
    project: ProjectId,
    id: AgentId,
    actions: &[Action],
) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::Agent(id)).await?;
    agents::beat(&mut change.tx, id, change.now).await?;
    for action in actions {
        let details = action.details.clone();
        change.audit((Some(project), Some(id)), action.action, details);
    }
    change.commit().await?;
    Ok(())
}

/// Keeps a checkpoint.
pub async fn checkpoint(desk: &Desk, checkpoint: &Checkpoint) -> Result<(), ServiceError> {
    let mut change = desk.change(&Actor::System).await?;
    checkpoints::insert(&mut change.tx, checkpoint).await?;
    let details = json!({
        "checkpoint": checkpoint.id, "snapshot": checkpoint.file_snapshot,
        "reason": checkpoint.state.reason,
    });
    let about = (Some(checkpoint.project), Some(checkpoint.agent));
    change.audit(about, "agent.checkpoint", details);
    change.commit().await?;
    Ok(())
}

/// Returns the agents that have a process on a host, of all projects, oldest first.
pub async fn with_process(desk: &Desk, host: &str) -> Result<Vec<Agent>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(agents::with_process(&mut tx, host).await?)
}

/// Notes that the process of an agent that was lost is gone.
pub async fn forget_process(desk: &Desk, actor: &Actor, id: AgentId) -> Result<(), ServiceError> {
    let mut change = desk.change(actor).await?;
    agents::forget_process(&mut change.tx, id).await?;
    change.commit().await?;
    Ok(())
}

/// Returns the agents of a project, or all of them, oldest first.
pub async fn list(desk: &Desk, project: Option<ProjectId>) -> Result<Vec<Agent>, ServiceError> {
    let mut tx = desk.read().await?;
    Ok(match project {
        Some(project) => agents::of_project(&mut tx, project).await?,
        None => agents::all(&mut tx).await?,
    })
}

/// Returns the agent with this identity.
pub async fn get(desk: &Desk, id: AgentId) -> Result<Agent, ServiceError> {
    let mut tx = desk.read().await?;
    agents::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| not_found(&id.short()))
}

/// Returns the one agent whose identity starts with `prefix`.
pub async fn find(desk: &Desk, prefix: &str) -> Result<Agent, ServiceError> {
    let mut tx = desk.read().await?;
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

//! Agents: record them, update their state, find those that were lost.

use std::collections::HashSet;

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
use eklavya_store::agents::NamedAgent;
use eklavya_store::audit::{self, AuditFilter};
use eklavya_store::{SqlTransaction, agents, budgets, checkpoints};

/// The action of a tool call in the audit trail.
const TOOL_ACTION: &str = "agent.tool";

/// Records a new agent within the caller's transaction.
pub async fn spawn_in(
    tx: &mut Transaction,
    agent: &Agent,
    limit: Option<MicroUsd>,
) -> Result<(), ServiceError> {
    agents::insert(&mut tx.sql, agent).await?;
    budgets::set_limit(&mut tx.sql, budgets::Scope::Agent(agent.id), limit).await?;
    let event = Event::AgentSpawned {
        project_id: agent.project,
        agent_id: agent.id,
        agent_type: agent.role,
    };
    tx.add_event(Some(agent.project), event);
    let details = json!({
        "role": agent.role, "session": agent.session, "attempt": agent.attempt,
        "sandboxed": agent.sandboxed, "rehearsal": agent.rehearsal, "model": agent.model,
        "worker": agent.worker, "fence": agent.fence,
    });
    let about = (Some(agent.project), Some(agent.id));
    tx.add_audit(about, "agent.spawn", details);
    Ok(())
}

/// Applies an event to an agent in its own transaction and returns the agent.
pub async fn advance(
    data: &DataStore,
    actor: &AuditActor,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let mut tx = data.begin(actor).await?;
    let agent = advance_in(&mut tx, id, event, pid).await?;
    tx.commit().await?;
    Ok(agent)
}

/// Applies an event to an agent within the caller's transaction.
pub async fn advance_in(
    tx: &mut Transaction,
    id: AgentId,
    event: AgentEvent,
    pid: Option<u32>,
) -> Result<Agent, ServiceError> {
    let found = agents::by_id(&mut tx.sql, id).await?;
    let mut agent = found.ok_or_else(|| not_found(&id.short()))?;
    agent.state = agent
        .state
        .apply(&event, tx.now)
        .map_err(|source| ServiceError::State {
            name: format!("agent {}", id.short()),
            source,
        })?;
    // The process of a lost agent may be on another host, and may still run.
    if event != AgentEvent::Lose {
        agent.pid = pid;
        agent.process_start = pid.and_then(process::read_start_time);
    }
    agent.last_heartbeat = tx.now;
    let swapped = agents::update(&mut tx.sql, &agent).await?;
    require_swapped(swapped, || format!("agent {}", id.short()))?;
    agent.version += 1;
    if !agent.state.is_live() {
        tx.add_event(Some(agent.project), completion_event(&agent));
    }
    let details = json!({ "event": event.name(), "to": agent.state, "pid": pid });
    tx.add_audit((Some(agent.project), Some(id)), "agent.advance", details);
    Ok(agent)
}

fn completion_event(agent: &Agent) -> Event {
    Event::AgentCompleted {
        agent_id: agent.id,
        task_id: agent.task,
        result: agent.state.status().to_owned(),
    }
}

/// Adds the notification that an agent has stopped for a reason that a person must fix, within the
/// caller's transaction.
pub async fn notify_stopped_in(
    tx: &mut Transaction,
    agent: &Agent,
    reason: &str,
) -> Result<(), ServiceError> {
    notifications::notify_stopped_in(tx, (agent.project, agent.id), reason).await
}

/// Emits the event that an agent waits for a temporary condition.
pub async fn emit_waiting(
    data: &DataStore,
    agent: &Agent,
    reason: &str,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    notifications::emit_blocked(&mut tx, agent.project, Some(agent.id), reason, false);
    Ok(tx.commit().await?)
}

pub async fn record_heartbeat(data: &DataStore, id: AgentId) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    agents::record_heartbeat(&mut tx.sql, id, tx.now).await?;
    tx.commit().await?;
    Ok(())
}

/// Records tool calls of an agent, in order, in one transaction, together with a heartbeat. Each of
/// `calls` is the details of an audit entry.
pub async fn record_tool_calls(
    data: &DataStore,
    project: ProjectId,
    id: AgentId,
    calls: &[Value],
) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(id)).await?;
    agents::record_heartbeat(&mut tx.sql, id, tx.now).await?;
    add_tool_calls(&mut tx, project, id, calls);
    tx.commit().await?;
    Ok(())
}

/// Records the tool calls that the audit trail of the agent lacks. A write of unknown outcome, or a
/// worker that died, may have recorded some of them.
pub async fn record_missing_tool_calls(
    data: &DataStore,
    project: ProjectId,
    id: AgentId,
    calls: &[Value],
) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(id)).await?;
    // A write of unknown outcome may still hold this row. The trail is read after that write has ended.
    agents::record_heartbeat(&mut tx.sql, id, tx.now).await?;
    let recorded = read_tool_call_keys(&mut tx.sql, project, id).await?;
    let is_missing = |call: &&Value| !recorded.contains(&tool_call_key(call));
    let missing: Vec<&Value> = calls.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    add_tool_calls(&mut tx, project, id, missing);
    tx.commit().await?;
    Ok(())
}

fn add_tool_calls<'a>(
    tx: &mut Transaction,
    project: ProjectId,
    id: AgentId,
    calls: impl IntoIterator<Item = &'a Value>,
) {
    for call in calls {
        tx.add_audit((Some(project), Some(id)), TOOL_ACTION, call.clone());
    }
}

async fn read_tool_call_keys(
    tx: &mut SqlTransaction,
    project: ProjectId,
    id: AgentId,
) -> Result<HashSet<String>, ServiceError> {
    let filter = AuditFilter {
        chain: Some(project.0),
        agent: Some(id),
        action: Some(TOOL_ACTION.to_owned()),
        ..AuditFilter::default()
    };
    let rows = audit::list(tx, &filter).await?;
    let keys = rows.iter().map(|row| tool_call_key(&row.content.details));
    Ok(keys.collect())
}

/// Identifies an entry about a call. A call that was allowed and then denied has two entries.
fn tool_call_key(details: &Value) -> String {
    json!([details["call"], details["decision"]]).to_string()
}

pub async fn save_checkpoint(
    data: &DataStore,
    checkpoint: &Checkpoint,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    checkpoints::insert(&mut tx.sql, checkpoint).await?;
    let details = json!({
        "checkpoint": checkpoint.id, "snapshot": checkpoint.file_snapshot,
        "reason": checkpoint.state.reason,
    });
    let about = (Some(checkpoint.project), Some(checkpoint.agent));
    tx.add_audit(about, "agent.checkpoint", details);
    tx.commit().await?;
    Ok(())
}

/// Returns the agents that have a process on a host, of all projects, oldest first.
pub async fn with_process(data: &DataStore, host: &str) -> Result<Vec<Agent>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(agents::with_process(&mut tx, host).await?)
}

/// Records that the process of a lost agent is gone.
pub async fn clear_process(
    data: &DataStore,
    actor: &AuditActor,
    id: AgentId,
) -> Result<(), ServiceError> {
    let mut tx = data.begin(actor).await?;
    agents::clear_process(&mut tx.sql, id).await?;
    tx.commit().await?;
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

/// Returns the agents of a project, or of all projects, with the names of their projects and tasks,
/// ordered by project and oldest first. `only_live` omits agents that have ended.
pub async fn list_named(
    data: &DataStore,
    project: Option<ProjectId>,
    only_live: bool,
) -> Result<Vec<NamedAgent>, ServiceError> {
    let mut tx = data.begin_read().await?;
    Ok(match project {
        Some(project) => agents::named_of_project(&mut tx, project, only_live).await?,
        None => agents::all_named(&mut tx, only_live).await?,
    })
}

/// Returns the agent with this id.
pub async fn get(data: &DataStore, id: AgentId) -> Result<Agent, ServiceError> {
    let mut tx = data.begin_read().await?;
    agents::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| not_found(&id.short()))
}

/// Returns the only agent whose id starts with `prefix`.
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

//! Messages between agents. The database stores them and decides their delivery; the bus only
//! announces that a message exists.

use serde_json::{Value, json};

use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::agent::Agent;
use eklavya_core::agent::message::{self, Message, MessageRecipient};
use eklavya_core::audit::AuditActor;
use eklavya_core::digest::sha256;
use eklavya_core::ids::{AgentId, MessageId, ProjectId};
use eklavya_store::{StoreError, agents, messages};

/// A message to send.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    pub project: ProjectId,
    /// `None` for the orchestrator.
    pub from: Option<AgentId>,
    pub to: MessageRecipient,
    /// For example `task.question`.
    pub kind: String,
    /// At most 64 KiB of JSON.
    pub payload: Value,
}

/// Sends a message: stores it for each recipient, then notifies their inboxes.
///
/// # Errors
/// [`ServiceError::Message`] if the message is invalid, [`ServiceError::NotFound`] if the sender or
/// the recipient is not an agent of the project, [`ServiceError::RecipientEnded`] if the recipient
/// has ended.
pub async fn send(data: &DataStore, new: NewMessage) -> Result<Message, ServiceError> {
    message::check(&new.kind, &new.payload)?;
    let actor = new.from.map_or(AuditActor::System, AuditActor::Agent);
    let mut tx = data.begin(&actor).await?;
    if let Some(from) = new.from {
        find_project_agent(&mut tx, new.project, from).await?;
    }
    let recipients = resolve_recipients(&mut tx, &new).await?;
    let message = Message {
        id: MessageId::random(),
        project: new.project,
        from: new.from,
        to: new.to,
        kind: new.kind,
        payload: new.payload,
        sent_at: tx.now,
    };
    messages::insert(&mut tx.sql, &message, &recipients).await?;
    let about = (Some(message.project), message.from);
    tx.add_audit(about, "message.send", audit_details(&message, &recipients));
    tx.commit().await?;
    let text = message.id.to_string();
    for agent in &recipients {
        // Without the bus, the recipient finds the message in the database.
        let _ = data.bus.send(&inbox_name(*agent), &text).await;
    }
    Ok(message)
}

/// Delivers the oldest undelivered messages of an agent, at most `most`, to one of its consumers.
///
/// Each message is delivered to each recipient exactly once, to one consumer, which keeps it until
/// it acknowledges it; only [`claim`] reassigns it.
pub async fn receive(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    most: u32,
) -> Result<Vec<Message>, ServiceError> {
    let room = usize::try_from(most).unwrap_or(usize::MAX);
    let announced = data.bus.receive(&inbox_name(agent), consumer, room).await;
    let announced = announced.unwrap_or_default();
    // If the bus announced nothing, the database may still have messages that the bus lost. This
    // read does not take a turn among the writers.
    let delivered = if announced.is_empty() && !has_waiting(data, agent).await? {
        Vec::new()
    } else {
        deliver(data, agent, consumer, most).await?
    };
    let announced_ids: Vec<String> = announced.into_iter().map(|entry| entry.id).collect();
    // An announced message is in the database, delivered or not.
    let _ = data
        .bus
        .acknowledge(&inbox_name(agent), &announced_ids)
        .await;
    Ok(delivered)
}

/// Acknowledges a message of a consumer; false if the consumer does not have it.
pub async fn acknowledge(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    id: MessageId,
) -> Result<bool, ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(agent)).await?;
    let now = tx.now;
    let done = messages::acknowledge(&mut tx.sql, id, agent, consumer, now).await?;
    tx.commit().await?;
    Ok(done)
}

/// Reassigns the messages that the consumer `dead` received for an agent and did not acknowledge.
/// Only the caller knows that it is dead.
pub async fn claim(
    data: &DataStore,
    agent: AgentId,
    dead: &str,
    consumer: &str,
) -> Result<Vec<Message>, ServiceError> {
    let mut tx = data.begin(&AuditActor::System).await?;
    let mut claimed = Vec::new();
    for message in messages::list_unacknowledged(&mut tx.sql, agent, dead).await? {
        let (sql, now) = (&mut tx.sql, tx.now);
        if messages::reassign(sql, message.id, agent, (dead, consumer), now).await? {
            claimed.push(message);
        }
    }
    audit_delivery(&mut tx, agent, "message.claim", consumer, &claimed);
    tx.commit().await?;
    // Announced but undelivered messages stay in the database for the next consumer.
    if let Ok(left) = data.bus.claim(&inbox_name(agent), dead, consumer).await {
        let left: Vec<String> = left.into_iter().map(|entry| entry.id).collect();
        let _ = data.bus.acknowledge(&inbox_name(agent), &left).await;
    }
    Ok(claimed)
}

async fn deliver(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    most: u32,
) -> Result<Vec<Message>, ServiceError> {
    let mut tx = data.begin(&AuditActor::Agent(agent)).await?;
    let mut delivered = Vec::new();
    for message in messages::list_waiting(&mut tx.sql, agent, most).await? {
        let (sql, now) = (&mut tx.sql, tx.now);
        // Another consumer of the same agent may have been faster.
        if messages::deliver(sql, message.id, agent, consumer, now).await? {
            delivered.push(message);
        }
    }
    audit_delivery(&mut tx, agent, "message.deliver", consumer, &delivered);
    tx.commit().await?;
    Ok(delivered)
}

async fn has_waiting(data: &DataStore, agent: AgentId) -> Result<bool, StoreError> {
    let mut tx = data.begin_read().await?;
    Ok(!messages::list_waiting(&mut tx, agent, 1).await?.is_empty())
}

async fn resolve_recipients(
    tx: &mut Transaction,
    new: &NewMessage,
) -> Result<Vec<AgentId>, ServiceError> {
    match new.to {
        MessageRecipient::Agent(id) => {
            let agent = find_project_agent(tx, new.project, id).await?;
            if !agent.state.is_live() {
                let status = agent.state.status();
                return Err(ServiceError::RecipientEnded(id.short(), status));
            }
            Ok(vec![id])
        }
        MessageRecipient::AllAgents => {
            let all = agents::of_project(&mut tx.sql, new.project).await?;
            let others = all.iter().filter(|agent| Some(agent.id) != new.from);
            Ok(others
                .filter(|agent| agent.state.is_live())
                .map(|agent| agent.id)
                .collect())
        }
    }
}

async fn find_project_agent(
    tx: &mut Transaction,
    project: ProjectId,
    id: AgentId,
) -> Result<Agent, ServiceError> {
    let found = agents::by_id(&mut tx.sql, id).await?;
    found
        .filter(|agent| agent.project == project)
        .ok_or_else(|| ServiceError::NotFound {
            what: "agent",
            name: id.short(),
        })
}

/// The content is in `messages`; the audit trail proves it by its digest.
fn audit_details(message: &Message, recipients: &[AgentId]) -> Value {
    let digest = sha256(message.payload.to_string().as_bytes());
    json!({
        "message": message.id, "type": message.kind, "to": recipients, "payloadSha256": digest,
    })
}

fn audit_delivery(
    tx: &mut Transaction,
    agent: AgentId,
    action: &str,
    consumer: &str,
    messages: &[Message],
) {
    let Some(first) = messages.first() else {
        return;
    };
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let details = json!({ "messages": ids, "consumer": consumer });
    tx.add_audit((Some(first.project), Some(agent)), action, details);
}

fn inbox_name(agent: AgentId) -> String {
    agent.to_string()
}

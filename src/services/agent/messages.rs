//! Messages between agents. The database holds them and decides to whom each is delivered; the bus
//! only says that there is one.

use serde_json::{Value, json};

use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::agent::Agent;
use eklavya_core::agent::message::{self, Message, MessageRecipient};
use eklavya_core::audit::AuditActor;
use eklavya_core::digest::sha256;
use eklavya_core::ids::{AgentId, MessageId, ProjectId};
use eklavya_store::{StoreError, agents, messages};

/// A message before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// Whose agents talk.
    pub project: ProjectId,
    /// Who says it; nobody where the orchestrator does.
    pub from: Option<AgentId>,
    /// To whom.
    pub to: MessageRecipient,
    /// What kind of message it is, e.g. `task.question`.
    pub kind: String,
    /// What it says; at most 64 KiB.
    pub payload: Value,
}

/// Sends a message: writes it down for each recipient, then tells their inboxes.
///
/// # Errors
/// [`ServiceError::Message`] where its words cannot be sent, [`ServiceError::NotFound`] where the
/// sender or the recipient is no agent of the project, [`ServiceError::Silent`] where the recipient
/// has ended.
pub async fn send(data: &DataStore, new: NewMessage) -> Result<Message, ServiceError> {
    message::check(&new.kind, &new.payload)?;
    let actor = new.from.map_or(AuditActor::System, AuditActor::Agent);
    let mut change = data.begin(&actor).await?;
    if let Some(from) = new.from {
        find_project_agent(&mut change, new.project, from).await?;
    }
    let recipients = resolve_recipients(&mut change, &new).await?;
    let message = Message {
        id: MessageId::random(),
        project: new.project,
        from: new.from,
        to: new.to,
        kind: new.kind,
        payload: new.payload,
        sent_at: change.now,
    };
    messages::insert(&mut change.sql, &message, &recipients).await?;
    let about = (Some(message.project), message.from);
    change.add_audit(about, "message.send", audit_details(&message, &recipients));
    change.commit().await?;
    let text = message.id.to_string();
    for agent in &recipients {
        // Where it is away, the recipient finds the message in the database.
        let _ = data.bus.send(&inbox_name(*agent), &text).await;
    }
    Ok(message)
}

/// Delivers the oldest messages that wait for an agent, at most `most`, to one of its consumers.
///
/// Each message is delivered to each recipient exactly once, to one consumer, which has it until it
/// acknowledges it; only [`claim`] takes it away.
pub async fn receive(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    most: u32,
) -> Result<Vec<Message>, ServiceError> {
    let room = usize::try_from(most).unwrap_or(usize::MAX);
    let told = data.bus.receive(&inbox_name(agent), consumer, room).await;
    let told = told.unwrap_or_default();
    // Nothing was told: what the bus lost is still in the database, and a look takes no turn among
    // the writers.
    let delivered = if told.is_empty() && !has_waiting(data, agent).await? {
        Vec::new()
    } else {
        deliver(data, agent, consumer, most).await?
    };
    let heard: Vec<String> = told.into_iter().map(|entry| entry.id).collect();
    // What was told is in the database whether it was delivered by now or not.
    let _ = data.bus.acknowledge(&inbox_name(agent), &heard).await;
    Ok(delivered)
}

/// Says that a consumer is done with a message; false where it does not have it.
pub async fn acknowledge(
    data: &DataStore,
    agent: AgentId,
    consumer: &str,
    id: MessageId,
) -> Result<bool, ServiceError> {
    let mut change = data.begin(&AuditActor::Agent(agent)).await?;
    let now = change.now;
    let done = messages::acknowledge(&mut change.sql, id, agent, consumer, now).await?;
    change.commit().await?;
    Ok(done)
}

/// Hands over what the consumer `dead` received for an agent and did not acknowledge. Only the
/// caller knows that it is dead.
pub async fn claim(
    data: &DataStore,
    agent: AgentId,
    dead: &str,
    consumer: &str,
) -> Result<Vec<Message>, ServiceError> {
    let mut change = data.begin(&AuditActor::System).await?;
    let mut claimed = Vec::new();
    for message in messages::list_unacknowledged(&mut change.sql, agent, dead).await? {
        let (tx, now) = (&mut change.sql, change.now);
        if messages::reassign(tx, message.id, agent, (dead, consumer), now).await? {
            claimed.push(message);
        }
    }
    audit_delivery(&mut change, agent, "message.claim", consumer, &claimed);
    change.commit().await?;
    // What was told to it and never delivered waits in the database for the next to receive.
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
    let mut change = data.begin(&AuditActor::Agent(agent)).await?;
    let mut delivered = Vec::new();
    for message in messages::list_waiting(&mut change.sql, agent, most).await? {
        let (tx, now) = (&mut change.sql, change.now);
        // Another consumer of the same agent may have been faster.
        if messages::deliver(tx, message.id, agent, consumer, now).await? {
            delivered.push(message);
        }
    }
    audit_delivery(&mut change, agent, "message.deliver", consumer, &delivered);
    change.commit().await?;
    Ok(delivered)
}

async fn has_waiting(data: &DataStore, agent: AgentId) -> Result<bool, StoreError> {
    let mut tx = data.begin_read().await?;
    Ok(!messages::list_waiting(&mut tx, agent, 1).await?.is_empty())
}

async fn resolve_recipients(
    change: &mut Transaction,
    new: &NewMessage,
) -> Result<Vec<AgentId>, ServiceError> {
    match new.to {
        MessageRecipient::Agent(id) => {
            let agent = find_project_agent(change, new.project, id).await?;
            if !agent.state.is_live() {
                return Err(ServiceError::RecipientEnded(
                    id.short(),
                    agent.state.status(),
                ));
            }
            Ok(vec![id])
        }
        MessageRecipient::AllAgents => {
            let all = agents::of_project(&mut change.sql, new.project).await?;
            let others = all.iter().filter(|agent| Some(agent.id) != new.from);
            Ok(others
                .filter(|agent| agent.state.is_live())
                .map(|agent| agent.id)
                .collect())
        }
    }
}

async fn find_project_agent(
    change: &mut Transaction,
    project: ProjectId,
    id: AgentId,
) -> Result<Agent, ServiceError> {
    let found = agents::by_id(&mut change.sql, id).await?;
    found
        .filter(|agent| agent.project == project)
        .ok_or_else(|| ServiceError::NotFound {
            what: "agent",
            name: id.short(),
        })
}

/// What was said stands in `messages`; the audit trail proves that it was this.
fn audit_details(message: &Message, recipients: &[AgentId]) -> Value {
    let digest = sha256(message.payload.to_string().as_bytes());
    json!({
        "message": message.id, "type": message.kind, "to": recipients, "payloadSha256": digest,
    })
}

fn audit_delivery(
    change: &mut Transaction,
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
    change.add_audit((Some(first.project), Some(agent)), action, details);
}

fn inbox_name(agent: AgentId) -> String {
    agent.to_string()
}

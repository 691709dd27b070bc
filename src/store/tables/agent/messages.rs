//! The `messages` and `message_recipients` tables.

use jiff::Timestamp;

use crate::params;
use crate::{DatabaseRow, SqlTransaction, StoreError};
use eklavya_core::agent::message::{Message, MessageRecipient};
use eklavya_core::ids::{AgentId, MessageId, ProjectId};

const TABLE: &str = "messages";

/// Inserts a message for these recipients.
pub async fn insert(
    tx: &mut SqlTransaction,
    message: &Message,
    recipients: &[AgentId],
) -> Result<(), StoreError> {
    const MESSAGE: &str = "INSERT INTO messages (id, project_id, from_agent, to_agent, \
        message_type, created_at, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    const RECIPIENT: &str = "INSERT INTO message_recipients (message_id, agent_id, sent_at) \
        VALUES ($1, $2, $3)";
    let to = match message.to {
        MessageRecipient::Agent(agent) => Some(agent.0),
        MessageRecipient::AllAgents => None,
    };
    let values = params![
        message.id.0,
        message.project.0,
        message.from.map(|agent| agent.0),
        to,
        &message.kind,
        message.sent_at,
        message.payload.clone(),
    ];
    tx.execute(MESSAGE, values).await?;
    for agent in recipients {
        let values = params![message.id.0, agent.0, message.sent_at];
        tx.execute(RECIPIENT, values).await?;
    }
    Ok(())
}

/// Returns the undelivered messages of an agent, oldest first.
pub async fn list_waiting(
    tx: &mut SqlTransaction,
    agent: AgentId,
    most: u32,
) -> Result<Vec<Message>, StoreError> {
    const SQL: &str = "SELECT m.* FROM message_recipients r JOIN messages m ON m.id = r.message_id \
        WHERE r.agent_id = $1 AND r.acknowledged_at IS NULL AND r.delivered_at IS NULL \
        ORDER BY r.sent_at, r.message_id LIMIT $2";
    read_all(&tx.fetch_all(SQL, params![agent.0, most]).await?)
}

/// Returns the messages of an agent that a consumer received and did not acknowledge, oldest first.
pub async fn list_unacknowledged(
    tx: &mut SqlTransaction,
    agent: AgentId,
    consumer: &str,
) -> Result<Vec<Message>, StoreError> {
    const SQL: &str = "SELECT m.* FROM message_recipients r JOIN messages m ON m.id = r.message_id \
        WHERE r.agent_id = $1 AND r.acknowledged_at IS NULL AND r.consumer = $2 \
        ORDER BY r.sent_at, r.message_id";
    read_all(&tx.fetch_all(SQL, params![agent.0, consumer]).await?)
}

/// Delivers a message to a consumer; false if it was delivered already.
pub async fn deliver(
    tx: &mut SqlTransaction,
    message: MessageId,
    agent: AgentId,
    consumer: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE message_recipients SET consumer = $1, delivered_at = $2 \
        WHERE message_id = $3 AND agent_id = $4 AND delivered_at IS NULL";
    let values = params![consumer, now, message.0, agent.0];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Reassigns a message from one consumer to another; false if the first no longer has it.
pub async fn reassign(
    tx: &mut SqlTransaction,
    message: MessageId,
    agent: AgentId,
    (from, to): (&str, &str),
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE message_recipients SET consumer = $1, delivered_at = $2 \
        WHERE message_id = $3 AND agent_id = $4 AND consumer = $5 AND acknowledged_at IS NULL";
    let values = params![to, now, message.0, agent.0, from];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Acknowledges a message; false if the consumer does not have it.
pub async fn acknowledge(
    tx: &mut SqlTransaction,
    message: MessageId,
    agent: AgentId,
    consumer: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE message_recipients SET acknowledged_at = $1 \
        WHERE message_id = $2 AND agent_id = $3 AND consumer = $4 AND acknowledged_at IS NULL";
    let values = params![now, message.0, agent.0, consumer];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Returns the messages of a project, oldest first.
pub async fn of_project(
    tx: &mut SqlTransaction,
    project: ProjectId,
) -> Result<Vec<Message>, StoreError> {
    const SQL: &str = "SELECT * FROM messages WHERE project_id = $1 ORDER BY created_at, id";
    read_all(&tx.fetch_all(SQL, params![project.0]).await?)
}

fn read_all(records: &[DatabaseRow]) -> Result<Vec<Message>, StoreError> {
    records.iter().map(read).collect()
}

fn read(record: &DatabaseRow) -> Result<Message, StoreError> {
    let row = record.reader(TABLE);
    let to = row.opt_id("to_agent")?.map(AgentId);
    Ok(Message {
        id: MessageId(row.id("id")?),
        project: ProjectId(row.id("project_id")?),
        from: row.opt_id("from_agent")?.map(AgentId),
        to: to.map_or(MessageRecipient::AllAgents, MessageRecipient::Agent),
        kind: row.text("message_type")?,
        payload: row.json("payload")?,
        sent_at: row.timestamp("created_at")?,
    })
}

//! The `events` table: the outbox, written in the transaction of the change that it tells of.

use super::{Record, StoreError, Tx};
use jiff::Timestamp;

use crate::domain::event::Event;
use crate::domain::ids::ProjectId;
use crate::params;

const TABLE: &str = "events";

/// An event with its place in the order.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its place: rises, and is never used again.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Appends an event.
pub async fn append(
    tx: &mut Tx,
    project: Option<ProjectId>,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO events (project_id, name, payload, created_at) VALUES ($1, $2, $3, $4)";
    let values = params![project.map(|p| p.0), event.name(), super::json(event), now];
    tx.execute(SQL, values).await.map(|_| ())
}

/// Returns the events of a project that come after `since`, in order.
pub async fn after(
    tx: &mut Tx,
    project: ProjectId,
    since: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
    const SQL: &str = "SELECT * FROM events WHERE project_id = $1 AND seq > $2 ORDER BY seq";
    tx.fetch_all(SQL, params![project.0, since])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Returns the place of the newest event; 0 where there is none.
pub async fn newest(tx: &mut Tx) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COALESCE(MAX(seq), 0) AS seq FROM events";
    match tx.fetch_optional(SQL, params![]).await? {
        Some(record) => record.of(TABLE).int("seq"),
        None => Ok(0),
    }
}

fn read(record: &Record) -> Result<StoredEvent, StoreError> {
    let row = record.of(TABLE);
    Ok(StoredEvent {
        seq: row.int("seq")?,
        at: row.moment("created_at")?,
        event: row.json("payload")?,
    })
}

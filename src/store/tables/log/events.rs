//! The `events` table: the outbox, written in the transaction of the change that each event
//! reports.
//!
//! Its sequence numbers (`seq`) rise without a gap in the order in which changes became visible, so
//! a reader that continues after the last number it has read misses no event. SQLite has one writer
//! at a time, which defines that order. PostgreSQL has many, so events wait there in
//! `unplaced_events` until [`sequence_events`] moves those that are committed.

use std::time::Duration;

use crate::{DatabasePool, DatabaseRow, SqlDialect, SqlTransaction, Store, StoreError};
use jiff::Timestamp;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;

use crate::params;
use eklavya_core::event::{Event, StoredEvent};
use eklavya_core::ids::ProjectId;

const TABLE: &str = "events";

/// The longest time from the end of a transaction until its connection is back in the pool.
const RETURN_TIMEOUT: Duration = Duration::from_millis(1);

/// Appends an event. On PostgreSQL it has no sequence number until [`sequence_events`] runs.
pub async fn append(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQLITE: &str =
        "INSERT INTO events (project_id, name, payload, created_at) VALUES ($1, $2, $3, $4)";
    const POSTGRES: &str = "INSERT INTO unplaced_events (project_id, name, payload, created_at) \
        VALUES ($1, $2, $3, $4)";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let values = params![
        project.map(|p| p.0),
        event.name(),
        crate::to_json(event),
        now
    ];
    tx.execute(sql, values).await.map(|_| ())
}

/// What to do while another process assigns sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Wait, so that afterwards every event committed before has its number.
    Wait,
    /// Return; the other process has announced that it looks again.
    Skip,
}

/// Assigns a sequence number to every committed event, durably, and notifies the listeners of all
/// processes. Returns the newest number that it assigned, if any; always `None` on SQLite.
pub async fn sequence_events(
    store: &Store,
    lock_mode: LockMode,
) -> Result<Option<i64>, StoreError> {
    SequencerConnection::open(store)
        .await?
        .sequence_events(lock_mode)
        .await
}

/// Assigns sequence numbers repeatedly, on one connection of the pool.
#[derive(Debug)]
pub struct SequencerConnection(Option<PoolConnection<Postgres>>);

impl SequencerConnection {
    /// Acquires a connection if the database needs one.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(match &store.pool {
            DatabasePool::Sqlite(_) => None,
            DatabasePool::Postgres(pool) => Some(acquire_connection(pool).await?),
        }))
    }

    /// Does the same as [`sequence_events`]. It must not be used after an error.
    pub async fn sequence_events(
        &mut self,
        lock_mode: LockMode,
    ) -> Result<Option<i64>, StoreError> {
        const SQL: &str = "SELECT place_events($1)";
        let Some(connection) = &mut self.0 else {
            return Ok(None);
        };
        let query = sqlx::query_scalar(SQL).bind(lock_mode == LockMode::Wait);
        Ok(query.fetch_one(&mut **connection).await?)
    }
}

/// Returns a connection, preferably one that is about to return to the pool.
async fn acquire_connection(pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
    for _ in 0..2 {
        if let Some(connection) = pool.try_acquire() {
            return Ok(connection);
        }
        tokio::time::sleep(RETURN_TIMEOUT).await;
    }
    Ok(pool.acquire().await?)
}

/// Returns at most `most` events after `since`, in order: of a project, or all.
pub async fn read_after(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
    since: i64,
    most: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    const ALL: &str = "SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";
    const PROJECT: &str =
        "SELECT * FROM events WHERE seq > $1 AND project_id = $3 ORDER BY seq LIMIT $2";
    let found = match project {
        None => tx.fetch_all(ALL, params![since, most]).await?,
        Some(project) => {
            tx.fetch_all(PROJECT, params![since, most, project.0])
                .await?
        }
    };
    found.iter().map(read).collect()
}

/// Returns the sequence number before the last `count` events, of a project or of all.
pub async fn seq_before_last(
    tx: &mut SqlTransaction,
    project: Option<ProjectId>,
    count: u32,
) -> Result<i64, StoreError> {
    const ALL: &str = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET $1";
    const PROJECT: &str =
        "SELECT seq FROM events WHERE project_id = $2 ORDER BY seq DESC LIMIT 1 OFFSET $1";
    let found = match project {
        None => tx.fetch_optional(ALL, params![count]).await?,
        Some(project) => {
            tx.fetch_optional(PROJECT, params![count, project.0])
                .await?
        }
    };
    found.map_or(Ok(0), |record| record.reader(TABLE).int("seq"))
}

/// Returns the newest sequence number; 0 if there are no events.
pub async fn newest_seq(tx: &mut SqlTransaction) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COALESCE(MAX(seq), 0) AS seq FROM events";
    match tx.fetch_optional(SQL, params![]).await? {
        Some(record) => record.reader(TABLE).int("seq"),
        None => Ok(0),
    }
}

fn read(record: &DatabaseRow) -> Result<StoredEvent, StoreError> {
    let row = record.reader(TABLE);
    Ok(StoredEvent {
        seq: row.int("seq")?,
        at: row.timestamp("created_at")?,
        project: row.opt_id("project_id")?.map(ProjectId),
        event: row.json("payload")?,
    })
}

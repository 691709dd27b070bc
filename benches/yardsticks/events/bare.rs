//! The other side: the same rows in a table of the same shape, by the same driver with the same
//! durability, and nobody who reads them.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use eklavya_core::domain::event::Event;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{ConnectOptions, Executor};
use uuid::Uuid;

use super::{product, threads};
use crate::Fault;

/// Where the bare table is.
#[derive(Debug)]
pub enum Target {
    /// In a file of SQLite's.
    File(PathBuf),
    /// On a PostgreSQL server.
    Server(Box<PgConnectOptions>),
}

const SQLITE: &str = "CREATE TABLE bare_events (seq INTEGER PRIMARY KEY AUTOINCREMENT, \
    project_id BLOB, name TEXT NOT NULL, payload TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT; \
    CREATE INDEX bare_events_by_project ON bare_events (project_id, seq)";
const POSTGRES: &str = "CREATE TABLE IF NOT EXISTS bare_events \
    (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, project_id UUID, \
    name TEXT COLLATE \"C\" NOT NULL, payload JSONB NOT NULL, created_at BIGINT NOT NULL); \
    CREATE INDEX IF NOT EXISTS bare_events_by_project ON bare_events (project_id, seq)";
const INSERT: &str =
    "INSERT INTO bare_events (project_id, name, payload, created_at) VALUES ($1, $2, $3, $4)";

/// Creates the table.
pub fn create(target: &Target) -> Result<(), Fault> {
    threads::run(async {
        match target {
            Target::File(file) => {
                sqlite(file).connect().await?.execute(SQLITE).await?;
            }
            Target::Server(options) => {
                options.connect().await?.execute(POSTGRES).await?;
            }
        }
        Ok(())
    })
}

/// Inserts `changes` rows, each in a transaction of its own, and returns how long it took.
pub fn write(target: &Target, writers: usize, changes: usize) -> Result<Duration, Fault> {
    let start = Barrier::new(writers + 1);
    let share = changes / writers;
    let begun = threads::together(
        writers,
        |writer| {
            threads::run(async {
                match target {
                    Target::File(file) => in_file(file, writer, share, &start).await,
                    Target::Server(options) => on_server(options, writer, share, &start).await,
                }
            })
        },
        || {
            start.wait();
            Ok(Instant::now())
        },
    )?;
    Ok(begun.elapsed())
}

fn sqlite(file: &PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

async fn in_file(
    file: &PathBuf,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), Fault> {
    let pool = SqlitePoolOptions::new().connect_with(sqlite(file)).await?;
    start.wait();
    for number in 0..count {
        let event = product::event(format!("{writer}.{number}"));
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query(INSERT)
            .bind(None::<Uuid>)
            .bind(event.name())
            .bind(Json(event))
            .bind(1_700_000_000_000_000_i64);
        query.execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn on_server(
    options: &PgConnectOptions,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), Fault> {
    let options = options.clone().disable_statement_logging();
    let pool = PgPoolOptions::new().connect_with(options).await?;
    start.wait();
    for number in 0..count {
        let event = product::event(format!("{writer}.{number}"));
        let mut tx = pool.begin().await?;
        let query = sqlx::query(INSERT)
            .bind(None::<Uuid>)
            .bind(Event::name(&event))
            .bind(Json(event))
            .bind(1_700_000_000_000_000_i64);
        query.execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

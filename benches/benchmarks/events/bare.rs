//! The reference: the same rows in a table of the same shape, with the same driver and the same
//! durability, without a reader.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use eklavya_core::event::Event;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::types::Json;
use sqlx::{ConnectOptions, Executor};
use uuid::Uuid;

use super::{product, writers};
use crate::BenchError;

/// The location of the bare table.
#[derive(Debug)]
pub enum BareEventTable {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server.
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
pub fn create(target: &BareEventTable) -> Result<(), BenchError> {
    writers::block_on(async {
        match target {
            BareEventTable::File(file) => {
                sqlite_options(file)
                    .connect()
                    .await?
                    .execute(SQLITE)
                    .await?;
            }
            BareEventTable::Server(options) => {
                options.connect().await?.execute(POSTGRES).await?;
            }
        }
        Ok(())
    })
}

/// Inserts `changes` rows, each in a separate transaction, and returns how long it took.
pub fn write_rows(
    target: &BareEventTable,
    writers: usize,
    changes: usize,
) -> Result<Duration, BenchError> {
    let start = Barrier::new(writers + 1);
    let share = changes / writers;
    let begun = writers::run_writers(
        writers,
        |writer| {
            writers::block_on(async {
                match target {
                    BareEventTable::File(file) => write_to_file(file, writer, share, &start).await,
                    BareEventTable::Server(options) => {
                        write_to_server(options, writer, share, &start).await
                    }
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

fn sqlite_options(file: &PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

async fn write_to_file(
    file: &PathBuf,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), BenchError> {
    let pool = SqlitePoolOptions::new()
        .connect_with(sqlite_options(file))
        .await?;
    start.wait();
    for number in 0..count {
        let event = product::sample_event(format!("{writer}.{number}"));
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

async fn write_to_server(
    options: &PgConnectOptions,
    writer: usize,
    count: usize,
    start: &Barrier,
) -> Result<(), BenchError> {
    let options = options.clone().disable_statement_logging();
    let pool = PgPoolOptions::new().connect_with(options).await?;
    start.wait();
    for number in 0..count {
        let event = product::sample_event(format!("{writer}.{number}"));
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

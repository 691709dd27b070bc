//! The reference: rows of the same shape with the same index, claimed by one statement with the
//! same driver and the same durability, without notifications and audit rows.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor};
use uuid::Uuid;

use crate::BenchError;
use crate::events::writers;

/// The location of the bare table.
#[derive(Debug)]
pub enum BareJobTable {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server.
    Server(Box<PgConnectOptions>),
}

const SQLITE: &str = "CREATE TABLE bare_jobs (id BLOB PRIMARY KEY, project_id BLOB NOT NULL, \
    status TEXT NOT NULL, worker TEXT, priority INTEGER NOT NULL, used_micros INTEGER NOT NULL, \
    version INTEGER NOT NULL, created_at INTEGER NOT NULL) STRICT";
const POSTGRES: &str = "CREATE TABLE bare_jobs (id UUID PRIMARY KEY, project_id UUID NOT NULL, \
    status TEXT COLLATE \"C\" NOT NULL, worker TEXT COLLATE \"C\", priority BIGINT NOT NULL, \
    used_micros BIGINT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL)";
const INDEX: &str = "CREATE INDEX bare_jobs_queue ON bare_jobs \
    (priority DESC, used_micros, created_at, id) WHERE status = 'queued'";
const INSERT: &str = "INSERT INTO bare_jobs (id, project_id, status, priority, used_micros, \
    version, created_at) VALUES ($1, $2, 'done', 5, 0, 1, $3)";
const QUEUE: &str = "UPDATE bare_jobs SET status = 'queued', worker = NULL";
const TAKE_SQLITE: &str = "UPDATE bare_jobs SET status = 'running', worker = $1, \
    version = version + 1 WHERE id = (SELECT id FROM bare_jobs WHERE status = 'queued' \
    ORDER BY priority DESC, used_micros, created_at, id LIMIT 1)";
const TAKE_POSTGRES: &str = "UPDATE bare_jobs SET status = 'running', worker = $1, \
    version = version + 1 WHERE id = (SELECT id FROM bare_jobs WHERE status = 'queued' \
    ORDER BY priority DESC, used_micros, created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)";

/// Creates the table with this number of rows.
pub fn create(target: &BareJobTable, count: usize) -> Result<(), BenchError> {
    let moments = (0..)
        .take(count)
        .map(|number| 1_700_000_000_000_000_i64 + number);
    writers::block_on(async {
        match target {
            BareJobTable::File(file) => {
                let mut database = sqlite_options(file).connect().await?;
                database.execute(SQLITE).await?;
                database.execute(INDEX).await?;
                for moment in moments {
                    let row = sqlx::query(INSERT)
                        .bind(Uuid::new_v4())
                        .bind(Uuid::new_v4());
                    row.bind(moment).execute(&mut database).await?;
                }
            }
            BareJobTable::Server(options) => {
                let mut database = options.connect().await?;
                database.execute(POSTGRES).await?;
                database.execute(INDEX).await?;
                for moment in moments {
                    let row = sqlx::query(INSERT)
                        .bind(Uuid::new_v4())
                        .bind(Uuid::new_v4());
                    row.bind(moment).execute(&mut database).await?;
                }
            }
        }
        Ok(())
    })
}

/// Queues all rows, and returns how long `workers` workers took to claim them.
pub fn take_all(
    target: &BareJobTable,
    workers: usize,
    count: usize,
) -> Result<Duration, BenchError> {
    writers::block_on(async {
        match target {
            BareJobTable::File(file) => sqlite_options(file)
                .connect()
                .await?
                .execute(QUEUE)
                .await
                .map(|_| ()),
            BareJobTable::Server(server) => {
                server.connect().await?.execute(QUEUE).await.map(|_| ())
            }
        }?;
        Ok(())
    })?;
    let start = Barrier::new(workers + 1);
    let taken = std::sync::atomic::AtomicU64::new(0);
    let begun = writers::run_writers(
        workers,
        |worker| {
            let own = writers::block_on(take_rows(target, worker, &start))?;
            taken.fetch_add(own, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        },
        || {
            start.wait();
            Ok(Instant::now())
        },
    )?;
    let took = begun.elapsed();
    let taken = taken.into_inner();
    if taken != count as u64 {
        return Err(format!("{taken} of {count} rows were taken").into());
    }
    Ok(took)
}

fn sqlite_options(file: &PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(30))
}

async fn take_rows(
    target: &BareJobTable,
    worker: usize,
    start: &Barrier,
) -> Result<u64, BenchError> {
    let name = format!("worker-{worker}");
    let mut taken = 0;
    match target {
        BareJobTable::File(file) => {
            let options = SqlitePoolOptions::new().max_connections(1);
            let pool = options.connect_with(sqlite_options(file)).await?;
            start.wait();
            loop {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let done = sqlx::query(TAKE_SQLITE)
                    .bind(&name)
                    .execute(&mut *tx)
                    .await?;
                tx.commit().await?;
                match done.rows_affected() {
                    0 => return Ok(taken),
                    rows => taken += rows,
                }
            }
        }
        BareJobTable::Server(server) => {
            let server = (**server).clone().disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .connect_with(server)
                .await?;
            start.wait();
            loop {
                let done = sqlx::query(TAKE_POSTGRES)
                    .bind(&name)
                    .execute(&pool)
                    .await?;
                match done.rows_affected() {
                    0 => return Ok(taken),
                    rows => taken += rows,
                }
            }
        }
    }
}

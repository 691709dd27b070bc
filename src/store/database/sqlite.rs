//! The embedded database: one file, one writer at a time.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::{StoreError, error};

/// How long a writer waits for the previous one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Only one connection writes at a time; more connections serve readers.
const MAX_CONNECTIONS: u32 = 4;
/// The longest wait for a connection that is about to return to the pool.
const RETURN_TIMEOUT: Duration = Duration::from_micros(500);
/// How many rows the thread of a connection may read ahead of the query that consumes them.
const ROW_BUFFER: usize = 1024;
/// How much of the database file is memory-mapped: 256 MiB.
const MAPPED_BYTES: &str = "268435456";

/// Creates an empty file, which is a database without tables, unless the file exists. SQLite would
/// create one that all users can read.
pub(crate) fn create_file(file: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(open_error(file, sqlx::Error::Io(error))),
    }
}

/// Opens the database at `file`, which must exist.
pub(crate) async fn connect(file: &Path) -> Result<SqlitePool, StoreError> {
    if !file.exists() {
        return Err(StoreError::Missing(file.display().to_string()));
    }
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(ROW_BUFFER)
        // Reading without copying: a list of many rows takes half as long.
        .pragma("mmap_size", MAPPED_BYTES);
    SqlitePoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(BUSY_TIMEOUT)
        // After some errors, such as a full disk, SQLite itself has rolled back. The driver's own
        // rollback then fails, and it counts a transaction that no longer exists.
        .before_acquire(|connection, _| {
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
        // A local file has no network connection that could be lost.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|source| open_error(file, source))
}

/// Waits for a connection that is about to return to the pool.
///
/// A connection returns in a task of its own, after a message to its thread. A transaction right
/// after another one would open a new connection instead, which takes milliseconds: longer than
/// most commands read.
pub(crate) async fn wait_for_idle_connection(pool: &SqlitePool) {
    let begun = Instant::now();
    while (1..MAX_CONNECTIONS).contains(&pool.size())
        && pool.num_idle() == 0
        && begun.elapsed() < RETURN_TIMEOUT
    {
        tokio::task::yield_now().await;
    }
}

/// Opens an in-memory database with one connection.
pub(crate) async fn open_in_memory() -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new().max_connections(1);
    Ok(pool.connect_with(options).await?)
}

fn open_error(file: &Path, source: sqlx::Error) -> StoreError {
    if error::is_disk_full(&source) {
        return StoreError::DiskFull;
    }
    StoreError::Open {
        database: file.display().to_string(),
        source,
    }
}

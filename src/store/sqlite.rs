//! The embedded database: one file, one writer at a time.

use std::path::Path;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{StoreError, error, schema};

/// How long a writer waits for the one before it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// There is one writer at a time; more connections only serve readers.
const CONNECTIONS: u32 = 4;
/// How much of the database file is mapped into memory instead of read: 256 MiB.
const MAPPED_BYTES: &str = "268435456";

/// Opens the database at `file` and brings its schema up to date.
pub(super) async fn connect(file: &Path, create: bool) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // Reading without copying: a list of many rows takes half as long.
        .pragma("mmap_size", MAPPED_BYTES);
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(BUSY_TIMEOUT)
        // After some errors (a full disk is one) SQLite itself has rolled back, and the driver,
        // whose own rollback then fails, counts a transaction that is not there for ever.
        .before_acquire(|connection, _| {
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
        // There is no network that could have lost it.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|source| unusable(file, source))?;
    schema::migrate_sqlite(&pool, file).await?;
    Ok(pool)
}

fn unusable(file: &Path, source: sqlx::Error) -> StoreError {
    if error::is_disk_full(&source) {
        return StoreError::DiskFull;
    }
    StoreError::Open {
        database: file.display().to_string(),
        source,
    }
}

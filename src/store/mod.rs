//! The database: one file per entity, one SQL text for every database.

pub mod agents;
pub mod audit;
pub mod budgets;
pub mod checkpoints;
pub mod decisions;
pub mod deliveries;
pub mod demos;
pub mod error;
pub mod events;
pub mod evidence;
pub mod leases;
pub mod ledger;
pub mod ledger_report;
pub mod plans;
pub mod projects;
pub mod schema;
pub mod sql;
pub mod tasks;

pub use error::StoreError;
pub use sql::{Record, Tx, Value};

use std::path::Path;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

/// How long a writer waits for the one before it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// SQLite has one writer at a time; more connections only serve readers.
const CONNECTIONS: u32 = 4;

/// How much of the database file is mapped into memory instead of read: 256 MiB.
const MAPPED_BYTES: &str = "268435456";

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
}

impl Store {
    /// Opens the SQLite database at `file`, which must exist, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, [`StoreError::Newer`] where a newer version of
    /// Eklavya made it, [`StoreError::Open`] where it cannot be used.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        if !file.exists() {
            return Err(StoreError::Missing(file.to_owned()));
        }
        Self::connect(file, false).await
    }

    /// Opens the SQLite database at `file` and makes it where there is none.
    pub async fn create(file: &Path) -> Result<Self, StoreError> {
        Self::connect(file, true).await
    }

    async fn connect(file: &Path, create: bool) -> Result<Self, StoreError> {
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
            .map_err(|source| {
                if error::is_disk_full(&source) {
                    return StoreError::DiskFull;
                }
                StoreError::Open {
                    file: file.to_owned(),
                    source,
                }
            })?;
        let mut connection = pool.acquire().await?;
        schema::migrate_sqlite(&mut connection, file).await?;
        // Dropped, it would come back some time later, and the next to read would open another.
        connection.return_to_pool().await;
        Ok(Self {
            pool: Pool::Sqlite(pool),
        })
    }

    /// Starts a transaction that may write; it waits for the writer before it.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        // A transaction that starts by reading cannot wait for its turn to write: SQLite answers
        // SQLITE_BUSY at once. So writers take their place at the start.
        match &self.pool {
            Pool::Sqlite(pool) => Ok(Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?)),
        }
    }

    /// Starts a transaction that sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        match &self.pool {
            Pool::Sqlite(pool) => Ok(Tx::Sqlite(pool.begin().await?)),
        }
    }

    /// Closes the connections; the write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
        }
    }
}

/// Writes a value of the product's own types as JSON; none of them can fail to be written.
fn json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

//! The database: one module per table, one SQL text for both engines.

pub mod copy;
mod database;
mod error;
mod schema;
mod sql;
mod tables;

pub use database::location::{DatabaseLocation, InvalidDatabaseUrl, PostgresServer};
pub use database::status::DatabaseStatus;
pub use database::{listener, location, status};
pub use error::StoreError;
pub use schema::migrate::{MigrationError, MigrationOutcome};
pub use schema::schema_version::{LATEST_VERSION, SchemaVersion};
pub use sql::row::{DatabaseRow, RowReader};
pub use sql::transaction::{AdvisoryLock, SqlTransaction};
pub use sql::value::SqlValue;
pub use tables::agent::{agents, checkpoints, messages, tasks};
pub use tables::cost::{budgets, ledger, ledger_report};
pub use tables::log::{audit, events};
pub use tables::project::{
    artifacts, decisions, deliveries, demos, evidence, plans, priorities, project_status, projects,
    secrets,
};
pub use tables::worker::{capacity_waits, installation, jobs, leases, rate_limits, workers};

use database::{postgres, sqlite};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

/// The longest wait for the connections to close before the process exits.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: DatabasePool,
    /// The file, or the server's URL without its password, for error messages.
    name: Arc<str>,
    /// Whether it had secrets when it was opened; true if this is not known.
    may_have_secrets: bool,
    /// Whether a write transaction was started.
    has_written: Arc<AtomicBool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlDialect {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone)]
enum DatabasePool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Store {
    /// Opens an existing database. The schema of a file is upgraded; the schema of a server, which
    /// other workers use too, is upgraded only by [`Store::create`] and [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] if it does not exist, [`StoreError::SchemaTooNew`] if a newer
    /// version of Eklavya created it, [`StoreError::SchemaTooOld`] if an older version created it
    /// on a server, and [`StoreError::Open`] and similar errors if it is not usable.
    pub async fn open(location: &DatabaseLocation) -> Result<Self, StoreError> {
        let mut store = Self::connect(location).await?;
        let found = store.probe_schema().await?;
        match store.dialect() {
            SqlDialect::Sqlite => store.migrate_from(found.version).await.map(|_| ())?,
            SqlDialect::Postgres => found.version.ensure_current(&store.name)?,
        }
        store.may_have_secrets = found.may_have_secrets;
        Ok(store)
    }

    /// Opens a database, creates its tables if it has none, and upgrades its schema.
    pub async fn create(location: &DatabaseLocation) -> Result<Self, StoreError> {
        if let DatabaseLocation::File(file) = location {
            sqlite::create_file(file)?;
        }
        let store = Self::connect(location).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a database with any schema, to show its status or to upgrade it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the file does not exist, [`StoreError::Open`] and similar errors
    /// if it is not usable.
    pub async fn connect(location: &DatabaseLocation) -> Result<Self, StoreError> {
        let pool = match location {
            DatabaseLocation::File(file) => DatabasePool::Sqlite(sqlite::connect(file).await?),
            DatabaseLocation::Server(server) => {
                DatabasePool::Postgres(postgres::connect(server).await?)
            }
        };
        Ok(Self::from_pool(pool, location.to_string()))
    }

    fn from_pool(pool: DatabasePool, name: String) -> Self {
        Self {
            pool,
            name: name.into(),
            may_have_secrets: true,
            has_written: Arc::default(),
        }
    }

    /// Returns false if [`Store::open`] found that the database has no secrets.
    pub fn may_have_secrets(&self) -> bool {
        self.may_have_secrets
    }

    /// Returns the file, or the server's URL without its password.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn dialect(&self) -> SqlDialect {
        match &self.pool {
            DatabasePool::Sqlite(_) => SqlDialect::Sqlite,
            DatabasePool::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Starts a transaction that may write. On SQLite it waits for the previous writer. On
    /// PostgreSQL others write at the same time, and each statement sees what they have committed.
    pub async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        match &self.pool {
            // A transaction that starts with a read cannot wait for its turn to write: SQLite
            // returns SQLITE_BUSY at once. So writers take the lock at the start.
            DatabasePool::Sqlite(pool) => {
                self.has_written.store(true, Ordering::Relaxed);
                sqlite::wait_for_idle_connection(pool).await;
                Ok(SqlTransaction::Sqlite(
                    pool.begin_with("BEGIN IMMEDIATE").await?,
                ))
            }
            DatabasePool::Postgres(pool) => Ok(SqlTransaction::Postgres(
                postgres::begin(pool, "BEGIN").await?,
            )),
        }
    }

    /// Starts a read transaction on a snapshot of the database.
    pub async fn begin_read(&self) -> Result<SqlTransaction, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        match &self.pool {
            DatabasePool::Sqlite(pool) => {
                sqlite::wait_for_idle_connection(pool).await;
                Ok(SqlTransaction::Sqlite(pool.begin().await?))
            }
            DatabasePool::Postgres(pool) => Ok(SqlTransaction::Postgres(
                postgres::begin(pool, SNAPSHOT).await?,
            )),
        }
    }

    /// Closes the connections. SQLite's write-ahead log is merged into the file.
    pub async fn close(&self) {
        match &self.pool {
            DatabasePool::Sqlite(pool) => pool.close().await,
            DatabasePool::Postgres(pool) => pool.close().await,
        }
    }

    /// Releases the database in a process that is about to exit.
    ///
    /// SQLite moves its write-ahead log into the file when the last connection closes. After a
    /// write this function waits for that, so that later readers do not have to recover the log.
    /// After reads alone it keeps the connections open until the process exits, because closing
    /// them takes longer than most commands read, and an open connection loses nothing.
    pub async fn close_at_exit(self) {
        let DatabasePool::Sqlite(pool) = &self.pool else {
            return;
        };
        if self.has_written.load(Ordering::Relaxed) {
            // A connection that is still in use must not keep the process from exiting.
            let _ = tokio::time::timeout(EXIT_TIMEOUT, pool.close()).await;
        } else {
            sqlite::wait_for_idle_connection(pool).await;
            // The connections close when the last handle of the pool is dropped.
            std::mem::forget(pool.clone());
        }
    }
}

/// Serializes a value of the product's own types, which cannot fail.
fn to_json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

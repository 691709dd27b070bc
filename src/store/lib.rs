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

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: DatabasePool,
    /// The file, or the server's URL without its password, for error messages.
    name: Arc<str>,
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
        let store = Self::connect(location).await?;
        match store.dialect() {
            SqlDialect::Sqlite => store.migrate().await.map(|_| ())?,
            SqlDialect::Postgres => store.schema_version().await?.ensure_current(&store.name)?,
        }
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
        Ok(Self {
            pool,
            name: location.to_string().into(),
        })
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
}

/// Serializes a value of the product's own types, which cannot fail.
fn to_json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

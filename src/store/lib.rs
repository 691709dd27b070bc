//! The database: one file per entity, one SQL text for every database.

pub mod copy;
pub mod database;
mod error;
pub mod schema;
pub mod sql;
pub mod tables;

pub use database::location::{DatabaseLocation, InvalidDatabaseUrl, PostgresServer};
pub use database::status::DatabaseStatus;
pub use database::{listener, location, status};
pub use error::StoreError;
pub use schema::migrate::{MigrationError, MigrationOutcome};
pub use schema::schema_version::SchemaVersion;
pub use sql::row::{DatabaseRow, RowReader};
pub use sql::transaction::{AdvisoryLock, SqlTransaction};
pub use sql::value::SqlValue;
pub use tables::agent::{agents, checkpoints, messages, tasks};
pub use tables::cost::{budgets, ledger, ledger_report};
pub use tables::log::{audit, events};
pub use tables::project::{
    artifacts, decisions, deliveries, demos, evidence, plans, priorities, projects, secrets,
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
    /// The file, or the server's URL without its password: what errors call it.
    name: Arc<str>,
}

/// The database's own way of speaking SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlDialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

#[derive(Debug, Clone)]
enum DatabasePool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Store {
    /// Opens a database that was made before. The schema of a file is brought up to date; a
    /// server's, which other workers use too, only by [`Store::create`] and [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, [`StoreError::Newer`] where a newer version of
    /// Eklavya made it, [`StoreError::Outdated`] where an older one did on a server,
    /// [`StoreError::Open`] and its like where it cannot be used.
    pub async fn open(location: &DatabaseLocation) -> Result<Self, StoreError> {
        let store = Self::connect(location).await?;
        match store.dialect() {
            SqlDialect::Sqlite => store.migrate().await.map(|_| ())?,
            SqlDialect::Postgres => store.schema_version().await?.ensure_current(&store.name)?,
        }
        Ok(store)
    }

    /// Opens a database, makes its tables where there are none, and brings its schema up to date.
    pub async fn create(location: &DatabaseLocation) -> Result<Self, StoreError> {
        if let DatabaseLocation::File(file) = location {
            sqlite::create_file(file)?;
        }
        let store = Self::connect(location).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a database whatever its schema is: to look at it, or to bring it up to date.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is no such file, [`StoreError::Open`] and its like where
    /// it cannot be used.
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

    /// Returns which database it is.
    pub fn dialect(&self) -> SqlDialect {
        match &self.pool {
            DatabasePool::Sqlite(_) => SqlDialect::Sqlite,
            DatabasePool::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Starts a transaction that may write. On SQLite it waits for the writer before it; on
    /// PostgreSQL others write at the same time, and what they commit meanwhile is seen by the next
    /// statement.
    pub async fn begin_write(&self) -> Result<SqlTransaction, StoreError> {
        match &self.pool {
            // A transaction that starts by reading cannot wait for its turn to write: SQLite
            // answers SQLITE_BUSY at once. So writers take their place at the start.
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

    /// Starts a transaction that sees one state of the database throughout.
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

    /// Closes the connections; SQLite's write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.pool {
            DatabasePool::Sqlite(pool) => pool.close().await,
            DatabasePool::Postgres(pool) => pool.close().await,
        }
    }
}

/// Writes a value of the product's own types as JSON; none of them can fail to be written.
fn to_json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

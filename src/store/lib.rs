//! The database: one file per entity, one SQL text for every database.

pub mod agents;
pub mod artifacts;
pub mod audit;
mod audit_upgrade;
pub mod budgets;
pub mod capacity_waits;
pub mod checkpoints;
pub mod copy;
pub mod decisions;
pub mod deliveries;
pub mod demos;
pub mod error;
pub mod events;
pub mod evidence;
pub mod installation;
pub mod jobs;
pub mod leases;
pub mod ledger;
pub mod ledger_report;
pub mod listener;
pub mod location;
pub mod messages;
mod migrate;
pub mod plans;
mod postgres;
pub mod priorities;
pub mod projects;
pub mod rate_limits;
mod record;
pub mod schema;
pub mod secrets;
mod sql;
mod sqlite;
pub mod status;
pub mod tasks;
mod value;
pub mod workers;

pub use error::StoreError;
pub use location::{BadServer, Location, Server};
pub use migrate::{Migrated, MigrationProblem};
pub use record::{Fields, Record};
pub use schema::Schema;
pub use sql::{Lock, Tx};
pub use status::Status;
pub use value::Value;

use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// The file, or the server's URL without its password: what errors call it.
    name: Arc<str>,
}

/// The database's own way of speaking SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

#[derive(Debug, Clone)]
enum Pool {
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
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let store = Self::connect(location).await?;
        match store.dialect() {
            Dialect::Sqlite => store.migrate().await.map(|_| ())?,
            Dialect::Postgres => store.schema().await?.require(&store.name)?,
        }
        Ok(store)
    }

    /// Opens the SQLite database at `file`, which must exist, and brings its schema up to date.
    pub async fn open_file(file: &Path) -> Result<Self, StoreError> {
        Self::open(&Location::File(file.to_owned())).await
    }

    /// Opens a database, makes its tables where there are none, and brings its schema up to date.
    pub async fn create(location: &Location) -> Result<Self, StoreError> {
        if let Location::File(file) = location {
            sqlite::make(file)?;
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
    pub async fn connect(location: &Location) -> Result<Self, StoreError> {
        let pool = match location {
            Location::File(file) => Pool::Sqlite(sqlite::connect(file).await?),
            Location::Server(server) => Pool::Postgres(postgres::connect(server).await?),
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
    pub fn dialect(&self) -> Dialect {
        match &self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Starts a transaction that may write. On SQLite it waits for the writer before it; on
    /// PostgreSQL others write at the same time, and what they commit meanwhile is seen by the next
    /// statement.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        match &self.pool {
            // A transaction that starts by reading cannot wait for its turn to write: SQLite
            // answers SQLITE_BUSY at once. So writers take their place at the start.
            Pool::Sqlite(pool) => {
                sqlite::await_return(pool).await;
                Ok(Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?))
            }
            Pool::Postgres(pool) => Ok(Tx::Postgres(postgres::begin(pool, "BEGIN").await?)),
        }
    }

    /// Starts a transaction that sees one state of the database throughout.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        match &self.pool {
            Pool::Sqlite(pool) => {
                sqlite::await_return(pool).await;
                Ok(Tx::Sqlite(pool.begin().await?))
            }
            Pool::Postgres(pool) => Ok(Tx::Postgres(postgres::begin(pool, SNAPSHOT).await?)),
        }
    }

    /// Closes the connections; SQLite's write-ahead log is folded into the file.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// Writes a value of the product's own types as JSON; none of them can fail to be written.
fn json<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

//! The schema: the migrations embedded in the binary, and the version of a database.

use super::migrate::MigrationStep;
use crate::schema::audit_chain_upgrade;
use crate::{DatabasePool, Store, StoreError};

/// Defines a migration: its version, the name of its files and, if SQL is not enough, a function
/// `async fn(&mut SqlTransaction) -> Result<(), StoreError>` that runs after the SQL in the same
/// transaction.
macro_rules! step {
    ($version:literal, $name:literal) => {
        step!(@ $version, $name, None)
    };
    ($version:literal, $name:literal, $then:path) => {
        step!(@ $version, $name, Some(|tx| Box::pin($then(tx))))
    };
    (@ $version:literal, $name:literal, $then:expr) => {
        MigrationStep {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
            hook: $then,
        }
    };
}

pub(crate) const MIGRATIONS: &[MigrationStep] = &[
    step!(1, "0001_initial"),
    step!(
        2,
        "0002_audit_chain",
        audit_chain_upgrade::chain_old_entries
    ),
    step!(3, "0003_event_order"),
    step!(4, "0004_leases"),
    step!(5, "0005_jobs"),
    step!(6, "0006_messages"),
    step!(7, "0007_rate_limits"),
    step!(8, "0008_isolation"),
    step!(9, "0009_artifacts"),
    step!(10, "0010_secrets"),
];

/// The newest schema version of this program.
pub const LATEST_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// The schema version of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The newest migration of the database; `None` if it has no tables.
    pub found: Option<i64>,
    /// The newest migration of this program.
    pub known: i64,
}

impl SchemaVersion {
    /// Returns whether the schema is the one of this program.
    pub fn is_current(self) -> bool {
        self.found == Some(self.known)
    }

    /// Returns the names of the migrations that the database lacks, oldest first.
    pub fn pending_migrations(self) -> Vec<&'static str> {
        let found = self.found.unwrap_or_default();
        let later = MIGRATIONS.iter().filter(|step| step.version > found);
        later.map(|step| step.name).collect()
    }

    /// Refuses a schema of a newer program; `database` is the name for the message.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooNew`].
    pub fn ensure_not_newer(self, database: &str) -> Result<Self, StoreError> {
        match self.found {
            Some(found) if found > self.known => Err(StoreError::SchemaTooNew {
                database: database.to_owned(),
                found,
                known: self.known,
            }),
            _ => Ok(self),
        }
    }

    /// Refuses every schema but the one of this program.
    pub(crate) fn ensure_current(self, database: &str) -> Result<(), StoreError> {
        match self.ensure_not_newer(database)?.found {
            None => Err(StoreError::Missing(database.to_owned())),
            Some(found) if found < self.known => Err(StoreError::SchemaTooOld {
                database: database.to_owned(),
                found,
                known: self.known,
            }),
            Some(_) => Ok(()),
        }
    }
}

/// The answer to the first query on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaProbe {
    pub version: SchemaVersion,
    /// Whether the database has secrets; true if this is not known.
    pub may_have_secrets: bool,
}

impl Store {
    pub async fn schema_version(&self) -> Result<SchemaVersion, StoreError> {
        Ok(self.probe_schema().await?.version)
    }

    /// Reads the schema's version, and whether the database has secrets, with one query. Most
    /// commands read little more, so a second query would take a large part of their time.
    pub(crate) async fn probe_schema(&self) -> Result<SchemaProbe, StoreError> {
        let (found, may_have_secrets) = match &self.pool {
            DatabasePool::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let found = read_sqlite_version(&mut connection).await;
                // If the connection were only dropped, it would return later, and the next reader
                // would open another one.
                connection.return_to_pool().await;
                found
            }
            DatabasePool::Postgres(pool) => read_postgres_version(pool).await,
        }?;
        let version = SchemaVersion {
            found,
            known: LATEST_VERSION,
        };
        Ok(SchemaProbe {
            version,
            may_have_secrets,
        })
    }
}

/// The newest migration, and whether the database may have secrets.
type ProbeRow = (Option<i64>, bool);

const PROBE: &str = "SELECT max(version), EXISTS (SELECT 1 FROM secrets) \
    FROM _sqlx_migrations WHERE success";
const SELECT_NEWEST: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

async fn read_sqlite_version(
    connection: &mut sqlx::SqliteConnection,
) -> Result<ProbeRow, StoreError> {
    const TABLE: &str = "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'";
    // Both tables nearly always exist, so this query runs first. If it fails, the secrets are
    // read later.
    if let Ok(found) = sqlx::query_as(PROBE).fetch_one(&mut *connection).await {
        return Ok(found);
    }
    match sqlx::query_scalar(SELECT_NEWEST)
        .fetch_one(&mut *connection)
        .await
    {
        Ok(newest) => Ok((newest, true)),
        Err(error) => match sqlx::query(TABLE).fetch_optional(connection).await? {
            None => Ok((None, false)),
            Some(_) => Err(error.into()),
        },
    }
}

async fn read_postgres_version(pool: &sqlx::PgPool) -> Result<ProbeRow, StoreError> {
    match sqlx::query_as(PROBE).fetch_one(pool).await {
        Ok(found) => return Ok(found),
        Err(error) if is_undefined_table(&error) => {}
        Err(error) => return Err(error.into()),
    }
    match sqlx::query_scalar(SELECT_NEWEST).fetch_one(pool).await {
        Ok(newest) => Ok((newest, true)),
        Err(error) if is_undefined_table(&error) => Ok((None, false)),
        Err(error) => Err(error.into()),
    }
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    const UNDEFINED_TABLE: &str = "42P01";
    let refused = error.as_database_error();
    refused.is_some_and(|error| error.code().as_deref() == Some(UNDEFINED_TABLE))
}

//! The schema and its migrations, embedded in the binary.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use super::{Lock, Server, StoreError, Tx, audit_upgrade};

/// Version, name and the text in either dialect.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($version:literal, $name:literal) => {
        Step {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// Every migration, oldest first.
const STEPS: &[Step] = &[
    step!(1, "0001_initial"),
    step!(2, "0002_audit_chain"),
    step!(3, "0003_event_order"),
    step!(4, "0004_leases"),
    step!(5, "0005_jobs"),
    step!(6, "0006_messages"),
    step!(7, "0007_rate_limits"),
];

/// The newest schema that this program knows.
pub const KNOWN: i64 = STEPS[STEPS.len() - 1].version;

/// Brings a file up to date, or refuses one that a newer program made. All of it is one
/// transaction: cut off in the middle, it leaves the file as it was.
pub(super) async fn migrate_sqlite(pool: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    let database = || file.display().to_string();
    let mut connection = pool.acquire().await?;
    let found = newest_in_sqlite(&mut connection).await;
    // Dropped, it would come back some time later, and the next to read would open another.
    connection.return_to_pool().await;
    let found = found?;
    if is_current(found, &database)? {
        return Ok(());
    }
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    migrator(STEPS, |step| step.sqlite)
        .run(&mut *transaction)
        .await
        .map_err(|source| StoreError::migrate(database(), source))?;
    complete(Tx::Sqlite(transaction), found).await
}

/// Brings a server's database up to date, or refuses one that a newer program made. One process at
/// a time does so, in one transaction; the others wait for it.
pub(super) async fn migrate_postgres(pool: &PgPool, server: &Server) -> Result<(), StoreError> {
    let database = || server.shown();
    let found = newest_in_postgres(pool).await?;
    if is_current(found, &database)? {
        return Ok(());
    }
    let mut tx = Tx::Postgres(pool.begin().await?);
    tx.lock(Lock::Schema).await?;
    if let Tx::Postgres(transaction) = &mut tx {
        migrator(STEPS, |step| step.postgres)
            .run(&mut **transaction)
            .await
            .map_err(|source| StoreError::migrate(database(), source))?;
    }
    complete(tx, found).await
}

/// Does what SQL alone cannot do, and makes everything durable.
async fn complete(mut tx: Tx, from: Option<i64>) -> Result<(), StoreError> {
    audit_upgrade::chain_old_lines(&mut tx).await?;
    if let Some(from) = from {
        audit_upgrade::note_upgrade(&mut tx, from, KNOWN).await?;
    }
    tx.commit().await
}

/// Refuses a server's database whose schema is not this program's.
pub(super) async fn require_postgres(pool: &PgPool, server: &Server) -> Result<(), StoreError> {
    match newest_in_postgres(pool).await? {
        None => Err(StoreError::Missing(server.shown())),
        found if is_current(found, &|| server.shown())? => Ok(()),
        found => Err(StoreError::Outdated {
            database: server.shown(),
            found: found.unwrap_or_default(),
            known: KNOWN,
        }),
    }
}

fn is_current(found: Option<i64>, database: &dyn Fn() -> String) -> Result<bool, StoreError> {
    match found {
        Some(found) if found > KNOWN => Err(StoreError::Newer {
            database: database(),
            found,
            known: KNOWN,
        }),
        found => Ok(found == Some(KNOWN)),
    }
}

const NEWEST: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";

/// Returns the newest migration of the database, and nothing where it has none.
async fn newest_in_sqlite(connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    const TABLE: &str = "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'";
    // The table is there nearly always, so that is not asked first.
    let newest = sqlx::query(NEWEST).fetch_one(&mut *connection).await;
    match newest {
        Ok(row) => Ok(row.try_get(0)?),
        Err(error) => match sqlx::query(TABLE).fetch_optional(connection).await? {
            None => Ok(None),
            Some(_) => Err(error.into()),
        },
    }
}

async fn newest_in_postgres(pool: &PgPool) -> Result<Option<i64>, StoreError> {
    const UNDEFINED_TABLE: &str = "42P01";
    match sqlx::query(NEWEST).fetch_one(pool).await {
        Ok(row) => Ok(row.try_get(0)?),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn migrator(steps: &[Step], text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = steps
        .iter()
        .map(|step| {
            // The number is a part of the file's name and of nothing else.
            let name = step
                .name
                .split_once('_')
                .map_or(step.name, |(_, name)| name);
            Migration::new(
                step.version,
                Cow::Borrowed(name),
                MigrationType::Simple,
                AssertSqlSafe(text(step)).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator {
        migrations: Cow::Owned(migrations),
        // The transaction around it is alone: SQLite has one writer, and PostgreSQL our own lock,
        // which lasts until the commit.
        locking: false,
        ..Migrator::DEFAULT
    }
}

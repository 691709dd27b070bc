//! Bringing a database up to date: all pending migrations in one transaction, or none of them.
//!
//! Both databases take changes of the schema back with the transaction. So whatever happens in the
//! middle, a lost connection, a killed process or a statement that fails, the database is as before,
//! and the next run begins anew.

use std::future::Future;
use std::pin::Pin;

use eklavya_core::hex;
use sha2::{Digest, Sha384};

use crate::params;
use crate::schema::audit_chain_upgrade;
use crate::schema::schema_version::{LATEST_VERSION, MIGRATIONS, SchemaVersion};
use crate::{AdvisoryLock, SqlDialect, SqlTransaction, Store, StoreError};

/// A migration: version, name, the text in either dialect, and what SQL cannot say.
pub(crate) struct MigrationStep {
    pub version: i64,
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
    pub hook: Option<MigrationHook>,
}

/// The part of a migration behind its SQL, in the same transaction.
pub(crate) type MigrationHook = for<'t> fn(&'t mut SqlTransaction) -> HookFuture<'t>;
/// What [`Then`] returns.
pub(crate) type HookFuture<'t> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 't>>;

impl MigrationStep {
    fn sql(&self, dialect: SqlDialect) -> &'static str {
        match dialect {
            SqlDialect::Sqlite => self.sqlite,
            SqlDialect::Postgres => self.postgres,
        }
    }

    /// Returns the hexadecimal digits by which a changed text is noticed.
    fn checksum(&self, dialect: SqlDialect) -> String {
        hex::encode(&Sha384::digest(self.sql(dialect)))
    }
}

/// What bringing a database up to date came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationOutcome {
    /// The schema before; nothing where there were no tables.
    pub from: Option<i64>,
    /// The schema after.
    pub to: i64,
    /// The names of the migrations that were applied.
    pub applied: Vec<&'static str>,
}

/// Why a migration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database has a migration that was applied with another text.
    #[error("migration {0} of the database is another one than this program's")]
    Changed(i64),
    /// The database has a migration that this program's own history lacks.
    #[error("the database has a migration {0}, which is not one of this program's")]
    Unknown(i64),
    /// Something else than this program began a migration and did not finish it.
    #[error("migration {0} was begun by another program and never finished")]
    Unfinished(i64),
    /// A statement failed.
    #[error("migration {name} failed, and nothing was changed: {source}")]
    Step {
        /// The migration.
        name: &'static str,
        /// The reason.
        source: Box<StoreError>,
    },
}

impl Store {
    /// Brings the schema up to date. One process at a time does so; the others wait for it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] where a newer program made it, [`StoreError::Migrate`] where it cannot
    /// be done; the database is as before then.
    pub async fn migrate(&self) -> Result<MigrationOutcome, StoreError> {
        let schema = self.schema_version().await?.ensure_not_newer(&self.name)?;
        if schema.is_current() {
            return Ok(MigrationOutcome {
                from: schema.found,
                to: LATEST_VERSION,
                applied: Vec::new(),
            });
        }
        let mut tx = self.begin_write().await?;
        let migrated = apply_pending(&mut tx, MIGRATIONS, &self.name).await?;
        if let Some(from) = migrated.from {
            audit_chain_upgrade::record_upgrade(&mut tx, from, migrated.to).await?;
        }
        tx.commit().await?;
        Ok(migrated)
    }
}

/// Applies the steps that the database lacks.
pub(crate) async fn apply_pending(
    tx: &mut SqlTransaction,
    steps: &[MigrationStep],
    database: &str,
) -> Result<MigrationOutcome, StoreError> {
    lock_schema(tx).await?;
    tx.execute_script(match tx.dialect() {
        SqlDialect::Sqlite => HISTORY_SQLITE,
        SqlDialect::Postgres => HISTORY_POSTGRES,
    })
    .await?;
    let history = read_history(tx).await?;
    let from = history.iter().map(|done| done.version).max();
    let known = steps.last().map_or(0, |step| step.version);
    SchemaVersion { found: from, known }.ensure_not_newer(database)?;
    let problem = |source| StoreError::Migrate {
        database: database.to_owned(),
        source,
    };
    check_history(&history, steps, tx.dialect()).map_err(problem)?;
    let mut applied = Vec::new();
    for step in steps.iter().skip(history.len()) {
        apply_step(tx, step).await.map_err(|error| match error {
            error @ (StoreError::Forbidden(_)
            | StoreError::Unavailable(_)
            | StoreError::DiskFull) => error,
            error => problem(MigrationError::Step {
                name: step.name,
                source: Box::new(error),
            }),
        })?;
        applied.push(step.name);
    }
    Ok(MigrationOutcome {
        from,
        to: known,
        applied,
    })
}

/// Waits for another process that migrates. That may take as long as its migrations do, not only as
/// long as a lock may otherwise be waited for.
async fn lock_schema(tx: &mut SqlTransaction) -> Result<(), StoreError> {
    if tx.dialect() == SqlDialect::Postgres {
        tx.execute_script("SET LOCAL lock_timeout = '10min'")
            .await?;
        tx.lock(AdvisoryLock::Schema).await?;
        // Back to what the connection was opened with.
        tx.execute_script("SET LOCAL lock_timeout TO DEFAULT")
            .await?;
    }
    Ok(())
}

/// The table of the migrations that were applied, as the driver's own migrator makes it.
const HISTORY_SQLITE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (\
    version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
    checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)";
const HISTORY_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (\
    version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
    checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)";

/// A migration that the database says it has.
struct AppliedMigration {
    version: i64,
    success: bool,
    checksum: String,
}

async fn read_history(tx: &mut SqlTransaction) -> Result<Vec<AppliedMigration>, StoreError> {
    const SQLITE: &str = "SELECT version, success, lower(hex(checksum)) AS checksum \
        FROM _sqlx_migrations ORDER BY version";
    const POSTGRES: &str = "SELECT version, success, encode(checksum, 'hex') AS checksum \
        FROM _sqlx_migrations ORDER BY version";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let rows = tx.fetch_all(sql, params![]).await?;
    let rows = rows.iter().map(|record| record.reader("_sqlx_migrations"));
    rows.map(|row| {
        Ok(AppliedMigration {
            version: row.int("version")?,
            success: row.flag("success")?,
            checksum: row.text("checksum")?,
        })
    })
    .collect()
}

/// What was applied must be what this program applies, from the first step on.
fn check_history(
    history: &[AppliedMigration],
    steps: &[MigrationStep],
    dialect: SqlDialect,
) -> Result<(), MigrationError> {
    for (place, done) in history.iter().enumerate() {
        let step = steps.get(place);
        if !done.success {
            return Err(MigrationError::Unfinished(done.version));
        }
        match step.filter(|step| step.version == done.version) {
            None => return Err(MigrationError::Unknown(done.version)),
            Some(step) if step.checksum(dialect) != done.checksum => {
                return Err(MigrationError::Changed(done.version));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn apply_step(tx: &mut SqlTransaction, step: &MigrationStep) -> Result<(), StoreError> {
    const SQLITE: &str = "INSERT INTO _sqlx_migrations \
        (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, unhex($3), 0)";
    const POSTGRES: &str = "INSERT INTO _sqlx_migrations \
        (version, description, success, checksum, execution_time) \
        VALUES ($1, $2, TRUE, decode($3, 'hex'), 0)";
    let dialect = tx.dialect();
    tx.execute_script(step.sql(dialect)).await?;
    if let Some(then) = step.hook {
        then(tx).await?;
    }
    // The number is a part of the file's name and of nothing else.
    let description = step
        .name
        .split_once('_')
        .map_or(step.name, |(_, name)| name);
    let sql = match dialect {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let values = params![step.version, description, step.checksum(dialect)];
    tx.execute(sql, values).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatabaseLocation;

    const FIRST: &str = "CREATE TABLE kept (id INTEGER NOT NULL)";
    const SECOND: &str = "CREATE TABLE second (id INTEGER); INSERT INTO kept VALUES (1)";

    fn step(
        version: i64,
        name: &'static str,
        sql: &'static str,
        then: Option<MigrationHook>,
    ) -> MigrationStep {
        MigrationStep {
            version,
            name,
            sqlite: sql,
            postgres: "",
            hook: then,
        }
    }

    async fn add_two(tx: &mut SqlTransaction) -> Result<(), StoreError> {
        tx.execute("INSERT INTO kept VALUES (2)", params![])
            .await
            .map(|_| ())
    }

    async fn add_nothing(tx: &mut SqlTransaction) -> Result<(), StoreError> {
        add_two(tx).await?;
        tx.execute("INSERT INTO kept VALUES (NULL)", params![])
            .await
            .map(|_| ())
    }

    /// Applies steps, and keeps what they did where all of them did it.
    async fn apply_all(
        store: &Store,
        steps: &[MigrationStep],
    ) -> Result<MigrationOutcome, StoreError> {
        let mut tx = store.begin_write().await?;
        let migrated = apply_pending(&mut tx, steps, "test").await?;
        tx.commit().await?;
        Ok(migrated)
    }

    async fn count_kept_rows(store: &Store) -> u64 {
        store
            .begin_read()
            .await
            .unwrap()
            .count_rows("kept")
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn steps_and_their_hooks_are_applied_once_and_atomically() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("test.db");
        std::fs::write(&file, "").unwrap();
        let store = Store::connect(&DatabaseLocation::File(file)).await.unwrap();
        let first = || step(1, "0001_first", FIRST, None);
        let done = apply_all(&store, &[first()]).await.unwrap();
        assert_eq!((done.from, done.applied), (None, vec!["0001_first"]));

        let failing: MigrationHook = |tx| Box::pin(add_nothing(tx));
        let steps = [first(), step(2, "0002_second", SECOND, Some(failing))];
        let error = apply_all(&store, &steps).await.unwrap_err().to_string();
        assert!(error.contains("migration 0002_second failed"), "{error}");
        assert_eq!(count_kept_rows(&store).await, 0);

        let then: MigrationHook = |tx| Box::pin(add_two(tx));
        let steps = [first(), step(2, "0002_second", SECOND, Some(then))];
        let done = apply_all(&store, &steps).await.unwrap();
        assert_eq!(
            (done.from, done.to, done.applied),
            (Some(1), 2, vec!["0002_second"])
        );
        let done = apply_all(&store, &steps).await.unwrap();
        assert_eq!((done.from, done.applied), (Some(2), Vec::new()));
        assert_eq!(count_kept_rows(&store).await, 2);

        let changed = [
            step(1, "0001_first", "SELECT 1", None),
            step(2, "0002_second", SECOND, None),
        ];
        let error = apply_all(&store, &changed).await.unwrap_err().to_string();
        assert!(
            error.contains("migration 1 of the database is another one"),
            "{error}"
        );
        let newer = apply_all(&store, &steps[..1]).await.unwrap_err();
        assert!(
            matches!(
                newer,
                StoreError::SchemaTooNew {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{newer}"
        );
    }

    /// The table of migrations is the one that the driver's own migrator made in older versions.
    #[test]
    fn checksums_are_those_of_the_driver() {
        use sqlx::migrate::{Migration, MigrationType};
        use sqlx::{AssertSqlSafe, SqlSafeStr};
        let sql = AssertSqlSafe(FIRST).into_sql_str();
        let theirs = Migration::new(1, "first".into(), MigrationType::Simple, sql, false);
        let ours = step(1, "0001_first", FIRST, None).checksum(SqlDialect::Sqlite);
        assert_eq!(ours, hex::encode(&theirs.checksum));
    }
}

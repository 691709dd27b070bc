//! Migrations: all pending ones in one transaction, or none.
//!
//! Both databases roll schema changes back with the transaction. After a lost connection, a killed
//! process or a failed statement, the database is unchanged and the next run starts again.

use std::future::Future;
use std::pin::Pin;

use eklavya_core::hex;
use sha2::{Digest, Sha384};

use crate::params;
use crate::schema::audit_chain_upgrade;
use crate::schema::schema_version::{LATEST_VERSION, MIGRATIONS, SchemaVersion};
use crate::{AdvisoryLock, SqlDialect, SqlTransaction, Store, StoreError};

/// A migration: version, name, the SQL for each dialect, and an optional hook.
pub(crate) struct MigrationStep {
    pub version: i64,
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
    pub hook: Option<MigrationHook>,
}

/// The part of a migration that is not SQL, in the same transaction.
pub(crate) type MigrationHook = for<'t> fn(&'t mut SqlTransaction) -> HookFuture<'t>;
/// The return type of a [`MigrationHook`].
pub(crate) type HookFuture<'t> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 't>>;

impl MigrationStep {
    fn sql(&self, dialect: SqlDialect) -> &'static str {
        match dialect {
            SqlDialect::Sqlite => self.sqlite,
            SqlDialect::Postgres => self.postgres,
        }
    }

    /// Returns the SHA-384 of the SQL text in hexadecimal, which reveals a changed text.
    fn checksum(&self, dialect: SqlDialect) -> String {
        hex::encode(&Sha384::digest(self.sql(dialect)))
    }
}

/// The result of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationOutcome {
    /// The schema before; `None` if the database had no tables.
    pub from: Option<i64>,
    pub to: i64,
    pub applied: Vec<&'static str>,
}

/// Why a migration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database's migration has another checksum.
    #[error("migration {0} of the database differs from this program's")]
    Changed(i64),
    /// The database has a migration that this program does not know.
    #[error("the database has migration {0}, which this program does not know")]
    Unknown(i64),
    /// Another program started a migration and did not finish it.
    #[error("another program started migration {0} and did not finish it")]
    Unfinished(i64),
    #[error("migration {name} failed and was rolled back: {source}")]
    Step {
        name: &'static str,
        source: Box<StoreError>,
    },
}

impl Store {
    /// Upgrades the schema. One process at a time does so; the others wait for it.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooNew`] if a newer program created it, [`StoreError::Migrate`] if the
    /// upgrade fails; the database is unchanged then.
    pub async fn migrate(&self) -> Result<MigrationOutcome, StoreError> {
        self.migrate_from(self.schema_version().await?).await
    }

    /// Brings the schema up to date from the version that was just read.
    pub(crate) async fn migrate_from(
        &self,
        version: SchemaVersion,
    ) -> Result<MigrationOutcome, StoreError> {
        let schema = version.ensure_not_newer(&self.name)?;
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

/// Applies the pending steps.
pub(crate) async fn apply_pending(
    tx: &mut SqlTransaction,
    steps: &[MigrationStep],
    database: &str,
) -> Result<MigrationOutcome, StoreError> {
    lock_schema(tx).await?;
    create_history(tx).await?;
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
            StoreError::Forbidden(_) | StoreError::Unavailable(_) | StoreError::DiskFull => error,
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

async fn create_history(tx: &mut SqlTransaction) -> Result<(), StoreError> {
    tx.execute_script(match tx.dialect() {
        SqlDialect::Sqlite => HISTORY_SQLITE,
        SqlDialect::Postgres => HISTORY_POSTGRES,
    })
    .await
}

/// Waits for another process that migrates: for as long as its migrations take, not only for the
/// usual lock timeout.
async fn lock_schema(tx: &mut SqlTransaction) -> Result<(), StoreError> {
    if tx.dialect() == SqlDialect::Postgres {
        tx.execute_script("SET LOCAL lock_timeout = '10min'")
            .await?;
        tx.lock(AdvisoryLock::Schema).await?;
        // The setting of the connection again.
        tx.execute_script("SET LOCAL lock_timeout TO DEFAULT")
            .await?;
    }
    Ok(())
}

/// The table of applied migrations, as the driver's own migrator creates it.
const HISTORY_SQLITE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (\
    version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
    checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)";
const HISTORY_POSTGRES: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (\
    version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
    checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)";

/// A row of the table of applied migrations.
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

/// Checks that the applied migrations are the first ones of this program.
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
    // The table has the name without the number.
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

    /// Applies all steps, or none.
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
            error.contains("migration 1 of the database differs"),
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

    /// Older versions used the driver's own migrator, so the checksums must equal its checksums.
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

//! The schema and its migrations, embedded in the binary.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use super::StoreError;

/// Version, name and text of each migration, oldest first.
const SQLITE: &[(i64, &str, &str)] = &[(
    1,
    "initial",
    include_str!("../../migrations/sqlite/0001_initial.sql"),
)];

/// Brings the database up to date, or refuses one that a newer program made.
pub(super) async fn migrate_sqlite(
    connection: &mut SqliteConnection,
    file: &Path,
) -> Result<(), StoreError> {
    let known = SQLITE.last().map_or(0, |(version, ..)| *version);
    match newest_applied(connection).await? {
        Some(found) if found > known => Err(StoreError::Newer {
            file: file.to_owned(),
            found,
            known,
        }),
        Some(found) if found == known => Ok(()),
        _ => migrator()
            .run(connection)
            .await
            .map_err(|source| StoreError::Migrate {
                file: file.to_owned(),
                source,
            }),
    }
}

/// Returns the newest migration of the database, and nothing where it has none.
async fn newest_applied(connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    const NEWEST: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
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

fn migrator() -> Migrator {
    let migrations = SQLITE
        .iter()
        .map(|(version, name, text)| {
            Migration::new(
                *version,
                Cow::Borrowed(*name),
                MigrationType::Simple,
                AssertSqlSafe(*text).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator {
        migrations: Cow::Owned(migrations),
        ..Migrator::DEFAULT
    }
}

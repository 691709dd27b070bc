//! The schema and its migrations, embedded in the binary.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use super::StoreError;

/// Version, name and text of each migration, oldest first.
const SQLITE: &[(i64, &str, &str)] = &[(
    1,
    "initial",
    include_str!("../../migrations/sqlite/0001_initial.sql"),
)];

/// Brings the database up to date, or refuses one that a newer program made.
pub(super) async fn migrate_sqlite(pool: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    let known = SQLITE.last().map_or(0, |(version, ..)| *version);
    match newest_applied(pool).await? {
        Some(found) if found > known => Err(StoreError::Newer {
            file: file.to_owned(),
            found,
            known,
        }),
        Some(found) if found == known => Ok(()),
        _ => migrator()
            .run(pool)
            .await
            .map_err(|source| StoreError::Migrate {
                file: file.to_owned(),
                source,
            }),
    }
}

async fn newest_applied(pool: &SqlitePool) -> Result<Option<i64>, StoreError> {
    let table = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(pool)
        .await?;
    if table.is_none() {
        return Ok(None);
    }
    let row = sqlx::query("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await?;
    Ok(row.try_get(0)?)
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

//! Runs statements on either database.
//!
//! Statements are constants with `$1`-style parameters, which both databases understand.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use super::value::{postgres_arguments, sqlite_arguments};
use crate::{DatabaseRow, SqlDialect, SqlValue, StoreError};

/// A transaction on either database; it is rolled back if it is dropped without
/// [`SqlTransaction::commit`].
#[derive(Debug)]
pub enum SqlTransaction {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl SqlTransaction {
    /// Returns the dialect, for the few statements that differ.
    pub fn dialect(&self) -> SqlDialect {
        match self {
            SqlTransaction::Sqlite(_) => SqlDialect::Sqlite,
            SqlTransaction::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Runs a statement and returns the number of changed rows.
    pub async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Result<u64, StoreError> {
        Ok(match self {
            SqlTransaction::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
            SqlTransaction::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(values)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Runs several statements without parameters.
    pub(crate) async fn execute_script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            SqlTransaction::Sqlite(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?;
            }
            SqlTransaction::Postgres(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?;
            }
        }
        Ok(())
    }

    pub async fn fetch_all(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Result<Vec<DatabaseRow>, StoreError> {
        Ok(match self {
            SqlTransaction::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.into_iter().map(DatabaseRow::Sqlite).collect()
            }
            SqlTransaction::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.into_iter().map(DatabaseRow::Postgres).collect()
            }
        })
    }

    /// Passes each row of a query to `read` as soon as it arrives.
    pub(crate) async fn for_each_row(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
        mut read: impl FnMut(DatabaseRow) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            SqlTransaction::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                let mut rows = query.fetch(&mut **tx);
                while let Some(row) = rows.try_next().await? {
                    read(DatabaseRow::Sqlite(row))?;
                }
            }
            SqlTransaction::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(values)?);
                let mut rows = query.fetch(&mut **tx);
                while let Some(row) = rows.try_next().await? {
                    read(DatabaseRow::Postgres(row))?;
                }
            }
        }
        Ok(())
    }

    /// Returns all rows of a query whose text is composed only of names of tables and columns.
    pub(crate) async fn fetch_generated(
        &mut self,
        sql: String,
    ) -> Result<Vec<DatabaseRow>, StoreError> {
        let sql = AssertSqlSafe(sql);
        Ok(match self {
            SqlTransaction::Sqlite(tx) => {
                let rows = sqlx::query(sql).fetch_all(&mut **tx).await?;
                rows.into_iter().map(DatabaseRow::Sqlite).collect()
            }
            SqlTransaction::Postgres(tx) => {
                let rows = sqlx::query(sql).fetch_all(&mut **tx).await?;
                rows.into_iter().map(DatabaseRow::Postgres).collect()
            }
        })
    }

    /// Runs a statement whose text is composed as for [`SqlTransaction::fetch_generated`].
    pub(crate) async fn execute_generated(&mut self, sql: String) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(sql);
        match self {
            SqlTransaction::Sqlite(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?;
            }
            SqlTransaction::Postgres(tx) => {
                sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?;
            }
        }
        Ok(())
    }

    /// Returns the row of a query, if any.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Result<Option<DatabaseRow>, StoreError> {
        Ok(match self {
            SqlTransaction::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                query
                    .fetch_optional(&mut **tx)
                    .await?
                    .map(DatabaseRow::Sqlite)
            }
            SqlTransaction::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(values)?);
                query
                    .fetch_optional(&mut **tx)
                    .await?
                    .map(DatabaseRow::Postgres)
            }
        })
    }

    /// Waits for `lock` and holds it until the transaction ends.
    ///
    /// SQLite has one writer at a time anyway. PostgreSQL takes an advisory lock under a number
    /// that only this program uses.
    pub async fn lock(&mut self, lock: AdvisoryLock) -> Result<(), StoreError> {
        const SQL: &str = "SELECT pg_advisory_xact_lock($1)";
        match self {
            SqlTransaction::Sqlite(_) => Ok(()),
            SqlTransaction::Postgres(_) => self
                .fetch_optional(SQL, crate::params![lock.key()])
                .await
                .map(|_| ()),
        }
    }

    /// Commits all changes.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            SqlTransaction::Sqlite(tx) => tx.commit().await,
            SqlTransaction::Postgres(tx) => tx.commit().await,
        }
        .map_err(StoreError::from_commit_error)
    }
}

/// Work that only one transaction at a time may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryLock {
    /// Assign the number and the slug of a new project.
    NewProject,
    /// Upgrade the schema.
    Schema,
    /// Seal secrets with the current key.
    Secrets,
    /// Assign the number of a task that an agent delegates.
    Spawn,
}

impl AdvisoryLock {
    /// "ekla" in the upper half, so that the numbers do not collide with other programs.
    const BASE: i64 = 0x656b_6c61 << 32;

    fn key(self) -> i64 {
        Self::BASE
            | match self {
                AdvisoryLock::NewProject => 1,
                AdvisoryLock::Schema => 2,
                AdvisoryLock::Secrets => 3,
                AdvisoryLock::Spawn => 4,
            }
    }
}

//! One way to run a statement on whichever database is behind a transaction.
//!
//! Statements are constants with `$1`-style parameters, which both databases understand.

use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use super::value::{postgres_arguments, sqlite_arguments};
use crate::{DatabaseRow, SqlDialect, SqlValue, StoreError};

/// A transaction on one of the databases; dropped without [`Tx::commit`] it changes nothing.
#[derive(Debug)]
pub enum SqlTransaction {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl SqlTransaction {
    /// Returns which database it is on, for the few statements that have two texts.
    pub fn dialect(&self) -> SqlDialect {
        match self {
            SqlTransaction::Sqlite(_) => SqlDialect::Sqlite,
            SqlTransaction::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Runs a statement and returns how many rows it changed.
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

    /// Runs several statements that take no values, one after the other.
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

    /// Returns all rows that a query finds.
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

    /// Returns all rows that a query finds whose text is made of the names of tables and columns,
    /// and of nothing else.
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

    /// Runs a statement whose text is made like that of [`Tx::fetch_made`].
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

    /// Returns the row that a query finds, if any.
    pub async fn fetch_optional(
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

    /// Lets one transaction at a time past this point, until it ends; others wait for it.
    ///
    /// SQLite has one writer at a time anyway. PostgreSQL takes an advisory lock, which nobody but
    /// this program does under these numbers.
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

    /// Makes every change of the transaction durable, all at once.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            SqlTransaction::Sqlite(tx) => tx.commit().await,
            SqlTransaction::Postgres(tx) => tx.commit().await,
        }
        .map_err(StoreError::from_commit_error)
    }
}

/// What only one transaction at a time may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryLock {
    /// Give the next project its number and its slug.
    NewProject,
    /// Bring the schema up to date.
    Schema,
    /// Seal secrets, with the key that is in force.
    Secrets,
    /// Give the next task that an agent hands out its number.
    Spawn,
}

impl AdvisoryLock {
    /// "ekla" in the upper half, so that the numbers are nobody else's.
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

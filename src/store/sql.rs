//! One way to run a statement on whichever database is behind a transaction.
//!
//! Statements are constants with `$1`-style parameters, which both databases understand.

use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use super::value::{for_postgres, for_sqlite};
use super::{Dialect, Record, StoreError, Value};

/// A transaction on one of the databases; dropped without [`Tx::commit`] it changes nothing.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Returns which database it is on, for the few statements that have two texts.
    pub fn dialect(&self) -> Dialect {
        match self {
            Tx::Sqlite(_) => Dialect::Sqlite,
            Tx::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, for_sqlite(values)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(sql, for_postgres(values)?);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// Runs several statements that take no values, one after the other.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?,
            Tx::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Returns all rows that a query finds.
    pub async fn fetch_all(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, for_sqlite(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Sqlite).collect()
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(sql, for_postgres(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Postgres).collect()
            }
        })
    }

    /// Returns all rows that a query finds whose text is made of the names of tables and columns,
    /// and of nothing else.
    pub(super) async fn fetch_made(&mut self, sql: String) -> Result<Vec<Record>, StoreError> {
        let sql = AssertSqlSafe(sql);
        Ok(match self {
            Tx::Sqlite(tx) => {
                let rows = sqlx::query(sql).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Sqlite).collect()
            }
            Tx::Postgres(tx) => {
                let rows = sqlx::query(sql).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Postgres).collect()
            }
        })
    }

    /// Runs a statement whose text is made like that of [`Tx::fetch_made`].
    pub(super) async fn execute_made(&mut self, sql: String) -> Result<(), StoreError> {
        let sql = AssertSqlSafe(sql);
        match self {
            Tx::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?,
            Tx::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Returns the row that a query finds, if any.
    pub async fn fetch_optional(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Record>, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, for_sqlite(values)?);
                query.fetch_optional(&mut **tx).await?.map(Record::Sqlite)
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query_with(sql, for_postgres(values)?);
                query.fetch_optional(&mut **tx).await?.map(Record::Postgres)
            }
        })
    }

    /// Lets one transaction at a time past this point, until it ends; others wait for it.
    ///
    /// SQLite has one writer at a time anyway. PostgreSQL takes an advisory lock, which nobody but
    /// this program does under these numbers.
    pub async fn lock(&mut self, lock: Lock) -> Result<(), StoreError> {
        const SQL: &str = "SELECT pg_advisory_xact_lock($1)";
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(_) => self
                .fetch_optional(SQL, crate::params![lock.key()])
                .await
                .map(|_| ()),
        }
    }

    /// Makes every change of the transaction durable, all at once.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
        .map_err(StoreError::commit)
    }
}

/// What only one transaction at a time may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Give the next project its number and its slug.
    NewProject,
    /// Bring the schema up to date.
    Schema,
    /// Seal secrets, with the key that is in force.
    Secrets,
    /// Give the next task that an agent hands out its number.
    Spawn,
}

impl Lock {
    /// "ekla" in the upper half, so that the numbers are nobody else's.
    const BASE: i64 = 0x656b_6c61 << 32;

    fn key(self) -> i64 {
        Self::BASE
            | match self {
                Lock::NewProject => 1,
                Lock::Schema => 2,
                Lock::Secrets => 3,
                Lock::Spawn => 4,
            }
    }
}

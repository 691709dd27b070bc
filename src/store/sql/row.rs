//! Reads rows: errors name the table, the column and the row.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{Postgres, Row, Sqlite};
use uuid::Uuid;

use crate::StoreError;
use eklavya_core::money::MicroUsd;

/// A row of a query's result.
#[derive(Debug)]
pub enum DatabaseRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl DatabaseRow {
    /// Returns a reader for a row of `table`: errors name the table, the column and the row.
    pub fn reader<'r>(&'r self, table: &'static str) -> RowReader<'r> {
        RowReader { row: self, table }
    }

    fn read_column<'r, T>(&'r self, column: &str) -> Result<T, sqlx::Error>
    where
        T: sqlx::Decode<'r, Sqlite>
            + sqlx::Type<Sqlite>
            + sqlx::Decode<'r, Postgres>
            + sqlx::Type<Postgres>,
    {
        match self {
            DatabaseRow::Sqlite(row) => row.try_get(column),
            DatabaseRow::Postgres(row) => row.try_get(column),
        }
    }

    /// Reads a JSON document: text in SQLite, JSONB in PostgreSQL.
    fn read_json<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match self {
            DatabaseRow::Sqlite(row) => match row.try_get::<Option<&str>, _>(column)? {
                Some(text) => Some(serde_json::from_str(text)?),
                None => None,
            },
            DatabaseRow::Postgres(row) => row
                .try_get::<Option<Json<T>>, _>(column)?
                .map(|document| document.0),
        })
    }
}

/// Reads the columns of a row.
#[derive(Debug, Clone, Copy)]
pub struct RowReader<'r> {
    row: &'r DatabaseRow,
    table: &'static str,
}

impl<'r> RowReader<'r> {
    /// Returns a text or nothing, without copying it.
    pub(crate) fn opt_str(&self, column: &'static str) -> Result<Option<&'r str>, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub(crate) fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    /// Reads an integer.
    pub fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub(crate) fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    /// Reads an integer that is not negative and fits the type.
    pub(crate) fn uint(&self, column: &'static str) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|e| self.corrupt(column, e))
    }

    /// Reads a boolean.
    pub fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub fn money(&self, column: &'static str) -> Result<MicroUsd, StoreError> {
        Ok(MicroUsd(self.int(column)?))
    }

    pub fn timestamp(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        let micros = self.int(column)?;
        Timestamp::from_microsecond(micros).map_err(|e| self.corrupt(column, e))
    }

    pub(crate) fn opt_timestamp(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.opt_int(column)?;
        micros
            .map(|m| Timestamp::from_microsecond(m).map_err(|e| self.corrupt(column, e)))
            .transpose()
    }

    pub fn id(&self, column: &'static str) -> Result<Uuid, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub(crate) fn opt_id(&self, column: &'static str) -> Result<Option<Uuid>, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    pub fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.row
            .read_column(column)
            .map_err(|e| self.corrupt(column, e))
    }

    /// Deserializes a JSON document.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        self.opt_json(column)?
            .ok_or_else(|| self.corrupt(column, "the value is missing"))
    }

    pub(crate) fn opt_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.row
            .read_json(column)
            .map_err(|e| self.corrupt(column, e))
    }

    /// Parses a text.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.text(column)?
            .parse()
            .map_err(|e: T::Err| self.corrupt(column, e))
    }

    /// Returns the error that a column contains an invalid value.
    pub(crate) fn corrupt(
        &self,
        column: &'static str,
        reason: impl std::fmt::Display,
    ) -> StoreError {
        let id = self
            .row
            .read_column::<Uuid>("id")
            .map_or_else(|_| "a row".to_owned(), |id| id.to_string());
        StoreError::Corrupt {
            table: self.table,
            column,
            id,
            reason: reason.to_string(),
        }
    }
}

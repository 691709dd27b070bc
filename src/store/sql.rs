//! One way to run a statement on whichever database is behind a transaction.
//!
//! Statements are constants with `$1`-style parameters, which both databases understand.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row, Sqlite, Transaction};
use uuid::Uuid;

use super::StoreError;
use crate::domain::money::MicroUsd;

/// A transaction on one of the databases; dropped without [`Tx::commit`] it changes nothing.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Runs a statement and returns how many rows it changed.
    pub async fn execute(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    /// Returns all rows that a query finds.
    pub async fn fetch_all(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Record>, StoreError> {
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Record::Sqlite).collect())
            }
        }
    }

    /// Returns the row that a query finds, if any.
    pub async fn fetch_optional(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Record>, StoreError> {
        match self {
            Tx::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(values)?);
                Ok(query.fetch_optional(&mut **tx).await?.map(Record::Sqlite))
            }
        }
    }

    /// Makes every change of the transaction durable, all at once.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => Ok(tx.commit().await?),
        }
    }
}

/// A value bound to a parameter.
#[derive(Debug, Clone)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A whole number, a moment or an amount.
    Int(i64),
    /// A text.
    Text(String),
    /// An identifier.
    Id(Uuid),
    /// A JSON document.
    Json(serde_json::Value),
}

macro_rules! value_from {
    ($($type:ty, $name:ident => $value:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($name: $type) -> Self {
                $value
            }
        }
    )*};
}

value_from! {
    i64, n => Value::Int(n);
    u32, n => Value::Int(i64::from(n));
    bool, b => Value::Int(i64::from(b));
    String, s => Value::Text(s);
    &str, s => Value::Text(s.to_owned());
    &String, s => Value::Text(s.clone());
    Uuid, id => Value::Id(id);
    MicroUsd, m => Value::Int(m.0);
    Timestamp, t => Value::Int(t.as_microsecond());
    serde_json::Value, j => Value::Json(j);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Builds the list of values for a statement's parameters, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Value::from($value)),*] };
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Id(id) => arguments.add(id),
            Value::Json(json) => arguments.add(json.to_string()),
        }
        .map_err(|error| StoreError::Driver(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

/// A row that a query found.
#[derive(Debug)]
pub enum Record {
    /// From SQLite.
    Sqlite(SqliteRow),
}

impl Record {
    /// Reads the row as one of `table`: errors name the table, the column and the row.
    pub fn of<'r>(&'r self, table: &'static str) -> Fields<'r> {
        Fields {
            record: self,
            table,
        }
    }

    fn get<'r, T>(&'r self, column: &str) -> Result<T, sqlx::Error>
    where
        T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        match self {
            Record::Sqlite(row) => row.try_get(column),
        }
    }
}

/// The columns of a row, read one by one.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'r> {
    record: &'r Record,
    table: &'static str,
}

impl Fields<'_> {
    /// Returns a text.
    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a text or nothing.
    pub fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a whole number.
    pub fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a whole number or nothing.
    pub fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a whole number that is not negative and fits.
    pub fn count(&self, column: &'static str) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a truth value.
    pub fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// Returns an amount of money.
    pub fn money(&self, column: &'static str) -> Result<MicroUsd, StoreError> {
        Ok(MicroUsd(self.int(column)?))
    }

    /// Returns a moment.
    pub fn moment(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        let micros = self.int(column)?;
        Timestamp::from_microsecond(micros).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a moment or nothing.
    pub fn opt_moment(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let micros = self.opt_int(column)?;
        micros
            .map(|m| Timestamp::from_microsecond(m).map_err(|e| self.corrupt(column, e)))
            .transpose()
    }

    /// Returns an identifier.
    pub fn id(&self, column: &'static str) -> Result<Uuid, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns an identifier or nothing.
    pub fn opt_id(&self, column: &'static str) -> Result<Option<Uuid>, StoreError> {
        self.record.get(column).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a JSON document as the type that it was written from.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: &str = self
            .record
            .get(column)
            .map_err(|e| self.corrupt(column, e))?;
        serde_json::from_str(text).map_err(|e| self.corrupt(column, e))
    }

    /// Returns a JSON document or nothing.
    pub fn opt_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text = self.opt_text(column)?;
        text.map(|t| serde_json::from_str(&t).map_err(|e| self.corrupt(column, e)))
            .transpose()
    }

    /// Returns a value whose text form is parsed.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.text(column)?
            .parse()
            .map_err(|e: T::Err| self.corrupt(column, e))
    }

    fn corrupt(&self, column: &'static str, reason: impl std::fmt::Display) -> StoreError {
        let id = self
            .record
            .get::<Uuid>("id")
            .map_or_else(|_| "a row".to_owned(), |id| id.to_string());
        StoreError::Corrupt {
            table: self.table,
            column,
            id,
            reason: reason.to_string(),
        }
    }
}

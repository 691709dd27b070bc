//! Values that are bound to the parameters of a statement.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, Postgres, Type};
use uuid::Uuid;

use super::StoreError;
use eklavya_core::domain::audit::canonical;
use eklavya_core::domain::money::MicroUsd;

/// A value bound to a parameter.
#[derive(Debug, Clone)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A whole number, a moment or an amount.
    Int(i64),
    /// A truth value.
    Flag(bool),
    /// A text.
    Text(String),
    /// An identifier.
    Id(Uuid),
    /// Bytes.
    Bytes(Vec<u8>),
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
    bool, b => Value::Flag(b);
    String, s => Value::Text(s);
    &str, s => Value::Text(s.to_owned());
    &String, s => Value::Text(s.clone());
    Uuid, id => Value::Id(id);
    Vec<u8>, b => Value::Bytes(b);
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
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

/// Returns the values as SQLite takes them.
pub(super) fn for_sqlite(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(number) => arguments.add(number),
            Value::Flag(flag) => arguments.add(flag),
            Value::Text(text) => arguments.add(without_nul(text)),
            Value::Id(id) => arguments.add(id),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Json(json) => arguments.add(document(json).to_string()),
        }
        .map_err(unbindable)?;
    }
    Ok(arguments)
}

/// Returns the values as PostgreSQL takes them.
pub(super) fn for_postgres(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(Untyped),
            Value::Int(number) => arguments.add(number),
            Value::Flag(flag) => arguments.add(flag),
            Value::Text(text) => arguments.add(without_nul(text)),
            Value::Id(id) => arguments.add(id),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Json(json) => arguments.add(document(json)),
        }
        .map_err(unbindable)?;
    }
    Ok(arguments)
}

fn unbindable(error: BoxDynError) -> StoreError {
    StoreError::Driver(sqlx::Error::Encode(error))
}

/// A NULL of whatever type the statement expects there.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        // Zero asks the server to infer the type:
        // <https://www.postgresql.org/docs/16/protocol-message-formats.html>, "Parse".
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// Agents write what they like; their words must not differ between the databases, nor stop the
/// work.
pub(super) fn without_nul(text: String) -> String {
    match canonical::without_nul(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

pub(super) fn document(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => Json::String(without_nul(text)),
        Json::Array(items) => Json::Array(items.into_iter().map(document).collect()),
        Json::Object(fields) => Json::Object(
            fields
                .into_iter()
                .map(|(name, value)| (without_nul(name), document(value)))
                .collect(),
        ),
        other => other,
    }
}

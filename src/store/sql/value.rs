//! Parameters of statements.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, Postgres, Type};
use uuid::Uuid;

use crate::StoreError;
use eklavya_core::audit::canonical;
use eklavya_core::money::MicroUsd;

#[derive(Debug, Clone)]
pub enum SqlValue {
    Null,
    /// An integer, a timestamp or an amount.
    Int(i64),
    Flag(bool),
    Text(String),
    Id(Uuid),
    Bytes(Vec<u8>),
    Json(serde_json::Value),
}

macro_rules! value_from {
    ($($type:ty, $name:ident => $value:expr;)*) => {$(
        impl From<$type> for SqlValue {
            fn from($name: $type) -> Self {
                $value
            }
        }
    )*};
}

value_from! {
    i64, n => SqlValue::Int(n);
    u32, n => SqlValue::Int(i64::from(n));
    bool, b => SqlValue::Flag(b);
    String, s => SqlValue::Text(s);
    &str, s => SqlValue::Text(s.to_owned());
    &String, s => SqlValue::Text(s.clone());
    Uuid, id => SqlValue::Id(id);
    Vec<u8>, b => SqlValue::Bytes(b);
    MicroUsd, m => SqlValue::Int(m.0);
    Timestamp, t => SqlValue::Int(t.as_microsecond());
    serde_json::Value, j => SqlValue::Json(j);
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(SqlValue::Null, Into::into)
    }
}

/// Builds the list of a statement's parameters, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::SqlValue::from($value)),*] };
}

pub(crate) fn sqlite_arguments(values: Vec<SqlValue>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            SqlValue::Null => arguments.add(None::<i64>),
            SqlValue::Int(number) => arguments.add(number),
            SqlValue::Flag(flag) => arguments.add(flag),
            SqlValue::Text(text) => arguments.add(without_nul(text)),
            SqlValue::Id(id) => arguments.add(id),
            SqlValue::Bytes(bytes) => arguments.add(bytes),
            SqlValue::Json(json) => arguments.add(json_without_nul(json).to_string()),
        }
        .map_err(encode_error)?;
    }
    Ok(arguments)
}

pub(crate) fn postgres_arguments(values: Vec<SqlValue>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            SqlValue::Null => arguments.add(UntypedNull),
            SqlValue::Int(number) => arguments.add(number),
            SqlValue::Flag(flag) => arguments.add(flag),
            SqlValue::Text(text) => arguments.add(without_nul(text)),
            SqlValue::Id(id) => arguments.add(id),
            SqlValue::Bytes(bytes) => arguments.add(bytes),
            SqlValue::Json(json) => arguments.add(json_without_nul(json)),
        }
        .map_err(encode_error)?;
    }
    Ok(arguments)
}

fn encode_error(error: BoxDynError) -> StoreError {
    StoreError::Driver(sqlx::Error::Encode(error))
}

/// A NULL of the type that the statement expects.
struct UntypedNull;

impl Type<Postgres> for UntypedNull {
    fn type_info() -> PgTypeInfo {
        // Zero makes the server infer the type:
        // <https://www.postgresql.org/docs/16/protocol-message-formats.html>, "Parse".
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for UntypedNull {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

/// Agents may write any text; it must be equal in both databases, and must not stop the work.
pub(crate) fn without_nul(text: String) -> String {
    match canonical::without_nul(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

pub(crate) fn json_without_nul(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => Json::String(without_nul(text)),
        Json::Array(items) => Json::Array(items.into_iter().map(json_without_nul).collect()),
        Json::Object(fields) => Json::Object(
            fields
                .into_iter()
                .map(|(name, value)| (without_nul(name), json_without_nul(value)))
                .collect(),
        ),
        other => other,
    }
}

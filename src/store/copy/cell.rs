//! One value of a row, as either database holds it.

use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json as AsJson;
use sqlx::{Decode, Postgres, Row, Sqlite, Type};
use uuid::Uuid;

use super::table::{Kind, Table};
use crate::value::{document, without_nul};
use crate::{Record, StoreError};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Flag(bool),
    Text(String),
    Id(Uuid),
    Json(Json),
    Bytes(Vec<u8>),
}

/// Reads a row; errors name the table and the column.
pub(super) fn row(table: &Table, record: &Record) -> Result<Vec<Cell>, StoreError> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(place, column)| {
            let read = match record {
                Record::Sqlite(row) => in_sqlite(row, place, column.kind),
                Record::Postgres(row) => in_postgres(row, place, column.kind),
            };
            read.map_err(|error| StoreError::Damaged {
                table: table.name.clone(),
                column: column.name.clone(),
                reason: error.to_string(),
            })
        })
        .collect()
}

fn in_sqlite(row: &SqliteRow, place: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
    fn get<'r, T>(row: &'r SqliteRow, place: usize) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        row.try_get(place)
    }
    let cell = match kind {
        Kind::Int => get(row, place)?.map(Cell::Int),
        Kind::Flag => get(row, place)?.map(Cell::Flag),
        Kind::Text => get(row, place)?.map(Cell::Text),
        Kind::Id => get(row, place)?.map(Cell::Id),
        Kind::Bytes => get(row, place)?.map(Cell::Bytes),
        Kind::Json => match get::<&str>(row, place)? {
            Some(text) => {
                let parsed = serde_json::from_str(text);
                Some(Cell::Json(
                    parsed.map_err(|error| sqlx::Error::Decode(error.into()))?,
                ))
            }
            None => None,
        },
    };
    Ok(cell.unwrap_or(Cell::Null))
}

fn in_postgres(row: &PgRow, place: usize, kind: Kind) -> Result<Cell, sqlx::Error> {
    fn get<'r, T>(row: &'r PgRow, place: usize) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        row.try_get(place)
    }
    let cell = match kind {
        Kind::Int => get(row, place)?.map(Cell::Int),
        Kind::Flag => get(row, place)?.map(Cell::Flag),
        Kind::Text => get(row, place)?.map(Cell::Text),
        Kind::Id => get(row, place)?.map(Cell::Id),
        Kind::Bytes => get(row, place)?.map(Cell::Bytes),
        Kind::Json => get::<AsJson<Json>>(row, place)?.map(|json| Cell::Json(json.0)),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

impl Cell {
    /// Returns the value as both databases can keep it: PostgreSQL has no U+0000, see
    /// [`without_nul`].
    pub fn portable(self) -> Self {
        match self {
            Cell::Text(text) => Cell::Text(without_nul(text)),
            Cell::Json(json) => Cell::Json(document(json)),
            other => other,
        }
    }

    /// Writes the value so that two values are equal where what is written is, whichever database
    /// they come from.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Cell::Null => out.push(0),
            Cell::Int(number) => tagged(out, 1, &number.to_be_bytes()),
            Cell::Flag(flag) => out.extend([2, u8::from(*flag)]),
            Cell::Text(text) => tagged(out, 3, text.as_bytes()),
            Cell::Id(id) => tagged(out, 4, id.as_bytes()),
            Cell::Bytes(bytes) => tagged(out, 5, bytes),
            Cell::Json(json) => {
                out.push(6);
                write_json(json, out);
            }
        }
    }
}

fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

/// JSONB keeps values, not texts: it orders names by its own rules and numbers are decimals.
fn write_json(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.push(b'n'),
        Json::Bool(flag) => out.push(if *flag { b't' } else { b'f' }),
        Json::Number(number) => tagged(out, b'd', decimal(number).as_bytes()),
        Json::String(text) => tagged(out, b's', text.as_bytes()),
        Json::Array(items) => {
            tagged(out, b'a', &(items.len() as u64).to_be_bytes());
            for item in items {
                write_json(item, out);
            }
        }
        Json::Object(fields) => {
            tagged(out, b'o', &(fields.len() as u64).to_be_bytes());
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in fields {
                tagged(out, b's', name.as_bytes());
                write_json(value, out);
            }
        }
    }
}

/// Returns one text for all ways to write a number: 1.0 is 1, 1e16 is 10000000000000000, -0.0 is 0.
fn decimal(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            let text = format!("{float}");
            if text == "-0" { "0".to_owned() } else { text }
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Cell::Json(serde_json::from_str(text).unwrap()).write_canonical(&mut out);
        out
    }

    #[test]
    fn documents_are_equal_by_their_values() {
        for (one, other) in [
            ("1.0", "1"),
            ("1e16", "10000000000000000"),
            ("-0.0", "0"),
            ("0.1", "1e-1"),
            (
                r#"{"b":1,"a":[{"y":1,"x":2}]}"#,
                r#"{"a":[{"x":2,"y":1.0}],"b":1}"#,
            ),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one} {other}");
        }
        for (one, other) in [
            ("1", "\"1\""),
            ("[1,[2]]", "[[1],2]"),
            ("[]", "{}"),
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "-1"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} {other}");
        }
    }

    #[test]
    fn rows_are_equal_only_where_every_value_is() {
        let row = |cells: &[Cell]| {
            let mut out = Vec::new();
            for cell in cells {
                cell.write_canonical(&mut out);
            }
            out
        };
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_ne!(row(&[text("ab"), text("c")]), row(&[text("a"), text("bc")]));
        assert_ne!(row(&[Cell::Null, text("")]), row(&[text(""), Cell::Null]));
        assert_ne!(row(&[Cell::Flag(true)]), row(&[Cell::Int(1)]));
    }
}

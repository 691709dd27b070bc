//! One value of a row, in the form of either database.

use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json as AsJson;
use sqlx::{Decode, Postgres, Row, Sqlite, Type};
use uuid::Uuid;

use super::table::{ColumnType, TableSchema};
use crate::sql::value::{json_without_nul, without_nul};
use crate::{DatabaseRow, StoreError};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CellValue {
    Null,
    Int(i64),
    Flag(bool),
    Text(String),
    Id(Uuid),
    Json(Json),
    Bytes(Vec<u8>),
}

/// Reads a row; errors name the table and the column.
pub(super) fn read_cells(
    table: &TableSchema,
    record: &DatabaseRow,
) -> Result<Vec<CellValue>, StoreError> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(place, column)| {
            let read = match record {
                DatabaseRow::Sqlite(row) => read_sqlite_cell(row, place, column.kind),
                DatabaseRow::Postgres(row) => read_postgres_cell(row, place, column.kind),
            };
            read.map_err(|error| StoreError::Damaged {
                table: table.name.clone(),
                column: column.name.clone(),
                reason: error.to_string(),
            })
        })
        .collect()
}

fn read_sqlite_cell(
    row: &SqliteRow,
    place: usize,
    kind: ColumnType,
) -> Result<CellValue, sqlx::Error> {
    fn get<'r, T>(row: &'r SqliteRow, place: usize) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        row.try_get(place)
    }
    let cell = match kind {
        ColumnType::Int => get(row, place)?.map(CellValue::Int),
        ColumnType::Flag => get(row, place)?.map(CellValue::Flag),
        ColumnType::Text => get(row, place)?.map(CellValue::Text),
        ColumnType::Id => get(row, place)?.map(CellValue::Id),
        ColumnType::Bytes => get(row, place)?.map(CellValue::Bytes),
        ColumnType::Json => match get::<&str>(row, place)? {
            Some(text) => {
                let parsed = serde_json::from_str(text);
                Some(CellValue::Json(
                    parsed.map_err(|error| sqlx::Error::Decode(error.into()))?,
                ))
            }
            None => None,
        },
    };
    Ok(cell.unwrap_or(CellValue::Null))
}

fn read_postgres_cell(
    row: &PgRow,
    place: usize,
    kind: ColumnType,
) -> Result<CellValue, sqlx::Error> {
    fn get<'r, T>(row: &'r PgRow, place: usize) -> Result<Option<T>, sqlx::Error>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        row.try_get(place)
    }
    let cell = match kind {
        ColumnType::Int => get(row, place)?.map(CellValue::Int),
        ColumnType::Flag => get(row, place)?.map(CellValue::Flag),
        ColumnType::Text => get(row, place)?.map(CellValue::Text),
        ColumnType::Id => get(row, place)?.map(CellValue::Id),
        ColumnType::Bytes => get(row, place)?.map(CellValue::Bytes),
        ColumnType::Json => get::<AsJson<Json>>(row, place)?.map(|json| CellValue::Json(json.0)),
    };
    Ok(cell.unwrap_or(CellValue::Null))
}

impl CellValue {
    /// Returns the value in a form that both databases can store: PostgreSQL has no U+0000, see
    /// [`without_nul`].
    pub fn portable(self) -> Self {
        match self {
            CellValue::Text(text) => CellValue::Text(without_nul(text)),
            CellValue::Json(json) => CellValue::Json(json_without_nul(json)),
            other => other,
        }
    }

    /// Writes the value so that equal values have equal bytes, whichever database they come from.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            CellValue::Null => out.push(0),
            CellValue::Int(number) => write_tagged(out, 1, &number.to_be_bytes()),
            CellValue::Flag(flag) => out.extend([2, u8::from(*flag)]),
            CellValue::Text(text) => write_tagged(out, 3, text.as_bytes()),
            CellValue::Id(id) => write_tagged(out, 4, id.as_bytes()),
            CellValue::Bytes(bytes) => write_tagged(out, 5, bytes),
            CellValue::Json(json) => {
                out.push(6);
                write_canonical_json(json, out);
            }
        }
    }
}

fn write_tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

/// JSONB stores values, not texts: it has its own order of names, and its numbers are decimals.
fn write_canonical_json(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.push(b'n'),
        Json::Bool(flag) => out.push(if *flag { b't' } else { b'f' }),
        Json::Number(number) => write_tagged(out, b'd', canonical_decimal(number).as_bytes()),
        Json::String(text) => write_tagged(out, b's', text.as_bytes()),
        Json::Array(items) => {
            write_tagged(out, b'a', &(items.len() as u64).to_be_bytes());
            for item in items {
                write_canonical_json(item, out);
            }
        }
        Json::Object(fields) => {
            write_tagged(out, b'o', &(fields.len() as u64).to_be_bytes());
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in fields {
                write_tagged(out, b's', name.as_bytes());
                write_canonical_json(value, out);
            }
        }
    }
}

/// Returns one text for all notations of a number: 1.0 is 1, 1e16 is 10000000000000000, -0.0 is 0.
fn canonical_decimal(number: &serde_json::Number) -> String {
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
        CellValue::Json(serde_json::from_str(text).unwrap()).write_canonical(&mut out);
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
    fn rows_are_equal_only_if_each_value_is() {
        let row = |cells: &[CellValue]| {
            let mut out = Vec::new();
            for cell in cells {
                cell.write_canonical(&mut out);
            }
            out
        };
        let text = |text: &str| CellValue::Text(text.to_owned());
        assert_ne!(row(&[text("ab"), text("c")]), row(&[text("a"), text("bc")]));
        assert_ne!(
            row(&[CellValue::Null, text("")]),
            row(&[text(""), CellValue::Null])
        );
        assert_ne!(row(&[CellValue::Flag(true)]), row(&[CellValue::Int(1)]));
    }
}

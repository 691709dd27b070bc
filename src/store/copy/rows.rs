//! Reads rows in the order of their keys, and writes them.

use std::fmt::Write as _;

use eklavya_core::hex::LowerHex;
use futures_util::stream::{BoxStream, StreamExt};
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, PgConnection, SqliteConnection};

use super::cell::{self, CellValue};
use super::table::TableSchema;
use crate::database::status::quote_identifier;
use crate::{DatabaseRow, SqlTransaction, StoreError};

/// A row, value by value.
pub(super) type RowCells = Vec<CellValue>;
pub(super) type RowStream<'t> = BoxStream<'t, Result<RowCells, StoreError>>;

/// The size of the chunks that are sent to PostgreSQL.
const CHUNK_BYTES: usize = 1 << 16;

/// Returns the rows of a table in the order of their keys, which is the same in both databases.
pub(super) fn stream_rows<'t>(tx: &'t mut SqlTransaction, table: &'t TableSchema) -> RowStream<'t> {
    let (columns, key) = (table.column_list(), table.key_list());
    let name = quote_identifier(&table.name);
    let sql = AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY {key}"));
    let records = match tx {
        SqlTransaction::Sqlite(tx) => sqlx::query(sql)
            .fetch(&mut **tx)
            .map(|row| row.map(DatabaseRow::Sqlite))
            .boxed(),
        SqlTransaction::Postgres(tx) => sqlx::query(sql)
            .fetch(&mut **tx)
            .map(|row| row.map(DatabaseRow::Postgres))
            .boxed(),
    };
    records
        .map(move |record| cell::read_cells(table, &record?))
        .boxed()
}

/// Writes rows into a table, and returns their number.
pub(super) async fn write_rows(
    tx: &mut SqlTransaction,
    table: &TableSchema,
    rows: RowStream<'_>,
) -> Result<u64, StoreError> {
    match tx {
        SqlTransaction::Sqlite(tx) => insert_into_sqlite(&mut *tx, table, rows).await,
        SqlTransaction::Postgres(tx) => copy_into_postgres(&mut *tx, table, rows).await,
    }
}

async fn insert_into_sqlite(
    connection: &mut SqliteConnection,
    table: &TableSchema,
    mut rows: RowStream<'_>,
) -> Result<u64, StoreError> {
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quote_identifier(&table.name),
        table.column_list(),
        places.join(", ")
    );
    let mut written = 0;
    while let Some(row) = rows.next().await {
        let arguments = bind_cells(row?).map_err(sqlx::Error::Encode)?;
        let query = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments);
        query.execute(&mut *connection).await?;
        written += 1;
    }
    Ok(written)
}

fn bind_cells(row: RowCells) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    for cell in row {
        match cell {
            CellValue::Null => arguments.add(None::<i64>),
            CellValue::Int(number) => arguments.add(number),
            CellValue::Flag(flag) => arguments.add(flag),
            CellValue::Text(text) => arguments.add(text),
            CellValue::Id(id) => arguments.add(id),
            CellValue::Json(json) => arguments.add(json.to_string()),
            CellValue::Bytes(bytes) => arguments.add(bytes),
        }?;
    }
    Ok(arguments)
}

/// COPY takes many rows at once and keeps the given values of identity columns
/// (<https://www.postgresql.org/docs/16/sql-copy.html>).
async fn copy_into_postgres(
    connection: &mut PgConnection,
    table: &TableSchema,
    mut rows: RowStream<'_>,
) -> Result<u64, StoreError> {
    let (name, columns) = (quote_identifier(&table.name), table.column_list());
    let sql = format!("COPY {name} ({columns}) FROM STDIN");
    let mut copying = connection.copy_in_raw(&sql).await?;
    let mut text = String::new();
    let mut failed = None;
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => write_copy_line(&row, &mut text),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        if text.len() >= CHUNK_BYTES {
            copying.send(std::mem::take(&mut text).into_bytes()).await?;
        }
    }
    if let Some(error) = failed {
        // This side knows the reason better than the server.
        let _ = copying.abort("the source cannot be read").await;
        return Err(error);
    }
    copying.send(text.into_bytes()).await?;
    Ok(copying.finish().await?)
}

/// Writes a row in the text format of COPY.
fn write_copy_line(row: &[CellValue], out: &mut String) {
    for (place, cell) in row.iter().enumerate() {
        if place > 0 {
            out.push('\t');
        }
        // Writing to a String does not fail.
        let _ = match cell {
            CellValue::Null => write!(out, "\\N"),
            CellValue::Int(number) => write!(out, "{number}"),
            CellValue::Flag(flag) => write!(out, "{flag}"),
            CellValue::Text(text) => {
                escape_copy_text(text, out);
                Ok(())
            }
            CellValue::Id(id) => write!(out, "{id}"),
            CellValue::Json(json) => {
                escape_copy_text(&json.to_string(), out);
                Ok(())
            }
            CellValue::Bytes(bytes) => write!(out, "\\\\x{}", LowerHex(bytes)),
        };
    }
    out.push('\n');
}

fn escape_copy_text(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
}

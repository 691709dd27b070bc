//! Reading rows in the order of their keys, and writing them.

use std::fmt::Write as _;

use futures_util::stream::{BoxStream, StreamExt};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, PgConnection, SqliteConnection};

use super::cell::{self, Cell};
use super::table::Table;
use crate::status::quoted;
use crate::{Record, StoreError, Tx};

/// A row, value by value.
pub(super) type Cells = Vec<Cell>;
/// Rows as they come.
pub(super) type Rows<'t> = BoxStream<'t, Result<Cells, StoreError>>;

/// How many bytes are collected before they are sent to PostgreSQL.
const CHUNK: usize = 1 << 16;

/// Returns the rows of a table in the order of their keys, which is the same in both databases.
pub(super) fn read<'t>(tx: &'t mut Tx, table: &'t Table) -> Rows<'t> {
    let (columns, key) = (table.column_list(), table.key_list());
    let name = quoted(&table.name);
    let sql = AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY {key}"));
    let records = match tx {
        Tx::Sqlite(tx) => sqlx::query(sql)
            .fetch(&mut **tx)
            .map(|row| row.map(Record::Sqlite))
            .boxed(),
        Tx::Postgres(tx) => sqlx::query(sql)
            .fetch(&mut **tx)
            .map(|row| row.map(Record::Postgres))
            .boxed(),
    };
    records
        .map(move |record| cell::row(table, &record?))
        .boxed()
}

/// Writes rows into a table, and returns how many.
pub(super) async fn write(tx: &mut Tx, table: &Table, rows: Rows<'_>) -> Result<u64, StoreError> {
    match tx {
        Tx::Sqlite(tx) => into_sqlite(&mut *tx, table, rows).await,
        Tx::Postgres(tx) => into_postgres(&mut *tx, table, rows).await,
    }
}

async fn into_sqlite(
    connection: &mut SqliteConnection,
    table: &Table,
    mut rows: Rows<'_>,
) -> Result<u64, StoreError> {
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quoted(&table.name),
        table.column_list(),
        places.join(", ")
    );
    let mut written = 0;
    while let Some(row) = rows.next().await {
        let mut arguments = SqliteArguments::default();
        for cell in row? {
            match cell {
                Cell::Null => arguments.add(None::<i64>),
                Cell::Int(number) => arguments.add(number),
                Cell::Flag(flag) => arguments.add(flag),
                Cell::Text(text) => arguments.add(text),
                Cell::Id(id) => arguments.add(id),
                Cell::Json(json) => arguments.add(json.to_string()),
                Cell::Bytes(bytes) => arguments.add(bytes),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments);
        query.execute(&mut *connection).await?;
        written += 1;
    }
    Ok(written)
}

/// COPY takes many rows at once, and takes them as they are: counted columns get the values given
/// (<https://www.postgresql.org/docs/16/sql-copy.html>).
async fn into_postgres(
    connection: &mut PgConnection,
    table: &Table,
    mut rows: Rows<'_>,
) -> Result<u64, StoreError> {
    let (name, columns) = (quoted(&table.name), table.column_list());
    let sql = format!("COPY {name} ({columns}) FROM STDIN");
    let mut copying = connection.copy_in_raw(&sql).await?;
    let mut text = String::new();
    let mut failed = None;
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => write_line(&row, &mut text),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        if text.len() >= CHUNK {
            copying.send(std::mem::take(&mut text).into_bytes()).await?;
        }
    }
    if let Some(error) = failed {
        // The reason is known better here than by the server.
        let _ = copying.abort("the source cannot be read").await;
        return Err(error);
    }
    copying.send(text.into_bytes()).await?;
    Ok(copying.finish().await?)
}

/// Writes a row in the text format of COPY.
fn write_line(row: &[Cell], out: &mut String) {
    for (place, cell) in row.iter().enumerate() {
        if place > 0 {
            out.push('\t');
        }
        // Writing to a String does not fail.
        let _ = match cell {
            Cell::Null => write!(out, "\\N"),
            Cell::Int(number) => write!(out, "{number}"),
            Cell::Flag(flag) => write!(out, "{flag}"),
            Cell::Text(text) => {
                escape(text, out);
                Ok(())
            }
            Cell::Id(id) => write!(out, "{id}"),
            Cell::Json(json) => {
                escape(&json.to_string(), out);
                Ok(())
            }
            Cell::Bytes(bytes) => {
                out.push_str("\\\\x");
                bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        };
    }
    out.push('\n');
}

fn escape(text: &str, out: &mut String) {
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

//! The tables and columns to copy, as the migrations create them.
//!
//! They are not listed in the code, except for one table that only PostgreSQL has. An in-memory
//! database with the same migrations supplies the tables, columns, references and keys; PostgreSQL
//! supplies the column types, which SQLite does not have.

use std::collections::{BTreeMap, BTreeSet};

use super::CopyError;
use crate::database::sqlite;
use crate::database::status::quote_identifier;
use crate::params;
use crate::{DatabasePool, SqlTransaction, Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableSchema {
    pub name: String,
    pub columns: Vec<ColumnSchema>,
    /// The columns of the primary key, which define the order of the rows.
    pub key: Vec<String>,
    /// The column that the database numbers itself.
    pub counter: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnSchema {
    pub name: String,
    pub kind: ColumnType,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Int,
    Flag,
    Text,
    Id,
    Json,
    Bytes,
}

impl ColumnType {
    fn from_postgres(postgres: &str) -> Option<Self> {
        Some(match postgres {
            "int8" => ColumnType::Int,
            "bool" => ColumnType::Flag,
            "text" => ColumnType::Text,
            "uuid" => ColumnType::Id,
            "jsonb" => ColumnType::Json,
            "bytea" => ColumnType::Bytes,
            _ => return None,
        })
    }
}

impl TableSchema {
    /// Returns the names of the columns as SQL, e.g. `"id", "name"`.
    pub fn column_list(&self) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|c| quote_identifier(&c.name))
            .collect();
        names.join(", ")
    }

    /// Returns the names of the key's columns as SQL.
    pub fn key_list(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|name| quote_identifier(name)).collect();
        names.join(", ")
    }
}

/// Returns all tables, each after the tables that it refers to. `postgres` is a transaction on a
/// PostgreSQL database with the current schema.
pub(super) async fn read_tables(
    postgres: &mut SqlTransaction,
) -> Result<Vec<TableSchema>, CopyError> {
    let types = read_postgres_columns(postgres).await?;
    let scratch = open_scratch_store().await?;
    let mut tx = scratch.begin_read().await?;
    let mut tables = Vec::new();
    for name in table_names_in(&mut tx).await? {
        tables.push(read_table(&mut tx, name, &types).await?);
    }
    let references = read_references(&mut tx).await?;
    Ok(sort_by_references(tables, &references))
}

/// Returns an in-memory database with the tables of the migrations.
async fn open_scratch_store() -> Result<Store, StoreError> {
    let pool = DatabasePool::Sqlite(sqlite::open_in_memory().await?);
    let store = Store::from_pool(pool, "memory".to_owned());
    store.migrate().await?;
    Ok(store)
}

/// Returns the names of all tables.
pub(super) async fn table_names() -> Result<Vec<String>, StoreError> {
    let scratch = open_scratch_store().await?;
    table_names_in(&mut scratch.begin_read().await?).await
}

async fn table_names_in(tx: &mut SqlTransaction) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT name FROM sqlite_master WHERE type = 'table' \
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
    let rows = tx.fetch_all(SQL, params![]).await?;
    rows.iter()
        .map(|row| row.reader("tables").text("name"))
        .collect()
}

async fn read_table(
    tx: &mut SqlTransaction,
    name: String,
    types: &BTreeMap<(String, String), PostgresColumn>,
) -> Result<TableSchema, CopyError> {
    const SQL: &str = "SELECT name, pk FROM pragma_table_info($1) ORDER BY cid";
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let mut counter = None;
    for record in tx.fetch_all(SQL, params![&name]).await? {
        let row = record.reader("columns");
        let column = row.text("name")?;
        let found = types.get(&(name.clone(), column.clone()));
        let kind = found.and_then(|found| ColumnType::from_postgres(&found.kind));
        let (Some(found), Some(kind)) = (found, kind) else {
            return Err(CopyError::UnexpectedColumn {
                table: name,
                column,
            });
        };
        if found.is_identity {
            counter = Some(column.clone());
        }
        let place = row.int("pk")?;
        if place > 0 {
            key.push((place, column.clone()));
        }
        columns.push(ColumnSchema { name: column, kind });
    }
    key.sort();
    Ok(TableSchema {
        name,
        columns,
        key: key.into_iter().map(|(_, column)| column).collect(),
        counter,
    })
}

struct PostgresColumn {
    kind: String,
    is_identity: bool,
}

async fn read_postgres_columns(
    tx: &mut SqlTransaction,
) -> Result<BTreeMap<(String, String), PostgresColumn>, StoreError> {
    const SQL: &str = "SELECT c.relname::text AS table_name, a.attname::text AS column_name, \
        t.typname::text AS type_name, a.attidentity <> '' AS counted FROM pg_class c \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
        JOIN pg_type t ON t.oid = a.atttypid WHERE c.relkind = 'r' AND c.relnamespace = \
        (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
    let rows = tx.fetch_all(SQL, params![]).await?;
    rows.iter()
        .map(|record| {
            let row = record.reader("columns");
            let column = PostgresColumn {
                kind: row.text("type_name")?,
                is_identity: row.flag("counted")?,
            };
            Ok(((row.text("table_name")?, row.text("column_name")?), column))
        })
        .collect()
}

/// Returns the references between tables.
async fn read_references(
    tx: &mut SqlTransaction,
) -> Result<BTreeSet<(String, String)>, StoreError> {
    const SQL: &str = "SELECT m.name AS source, f.\"table\" AS target \
        FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
        WHERE m.type = 'table' AND m.name <> f.\"table\"";
    let rows = tx.fetch_all(SQL, params![]).await?;
    rows.iter()
        .map(|record| {
            let row = record.reader("references");
            Ok((row.text("source")?, row.text("target")?))
        })
        .collect()
}

/// Sorts each table after the tables that it refers to. Tables that refer to each other in a
/// circle, of which the schema has none, would be sorted by name.
fn sort_by_references(
    mut tables: Vec<TableSchema>,
    references: &BTreeSet<(String, String)>,
) -> Vec<TableSchema> {
    let mut ordered: Vec<TableSchema> = Vec::new();
    while !tables.is_empty() {
        let waits = |table: &TableSchema| {
            let mut targets = references
                .iter()
                .filter(|(source, _)| *source == table.name);
            targets.any(|(_, target)| tables.iter().any(|other| other.name == *target))
        };
        let next = tables.iter().position(|table| !waits(table));
        ordered.push(tables.remove(next.unwrap_or(0)));
    }
    ordered
}

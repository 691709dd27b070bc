//! What a database is: its version, its schema, and how much is in it.

use super::schema::Schema;
use super::{Dialect, Store, StoreError, Tx};
use crate::params;

/// A database as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The file, or the server's URL without its password.
    pub database: String,
    /// Its maker's name and version: `SQLite 3.50.4`, `PostgreSQL 16.4`.
    pub version: String,
    /// Its schema.
    pub schema: Schema,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Its tables, by name; where the schema is another one than ours, those that it has.
    pub tables: Vec<TableStatus>,
}

/// A table as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// How many rows it has; nothing where we may not read it.
    pub rows: Option<u64>,
}

impl Store {
    /// Returns what the database is, whatever its schema.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let schema = self.schema().await?;
        let mut tx = self.read().await?;
        let (version, bytes) = facts(&mut tx).await?;
        Ok(Status {
            database: self.name.to_string(),
            version,
            schema,
            bytes,
            tables: tables(&mut tx, schema).await?,
        })
    }
}

impl Store {
    /// Returns the database's maker and version: `SQLite 3.50.4`, `PostgreSQL 16.4`.
    pub async fn version(&self) -> Result<String, StoreError> {
        facts(&mut self.read().await?)
            .await
            .map(|(version, _)| version)
    }
}

async fn facts(tx: &mut Tx) -> Result<(String, u64), StoreError> {
    const SQLITE: &str = "SELECT 'SQLite ' || sqlite_version() AS version, page_count * page_size \
        AS bytes FROM pragma_page_count(), pragma_page_size()";
    // Some builds say more than the number: "15.10 (Debian 15.10-0+deb12u1)".
    const POSTGRES: &str = "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), \
        ' ', 1) AS version, pg_database_size(current_database()) AS bytes";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    match tx.fetch_optional(sql, params![]).await? {
        Some(record) => {
            let row = record.of("database");
            Ok((row.text("version")?, row.int("bytes")?.unsigned_abs()))
        }
        None => Err(StoreError::Driver(sqlx::Error::RowNotFound)),
    }
}

async fn tables(tx: &mut Tx, schema: Schema) -> Result<Vec<TableStatus>, StoreError> {
    const SQLITE: &str = "SELECT name, 1 AS readable FROM sqlite_master WHERE type = 'table' \
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
    const POSTGRES: &str = "SELECT relname::text AS name, has_table_privilege(oid, 'SELECT')::int::bigint AS \
        readable FROM pg_class WHERE relkind = 'r' AND relname <> '_sqlx_migrations' AND \
        relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
        ORDER BY relname";
    // A database that is not ours has tables that are none of our business.
    if schema.found.is_none() {
        return Ok(Vec::new());
    }
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let mut tables = Vec::new();
    for record in tx.fetch_all(sql, params![]).await? {
        let row = record.of("tables");
        let name = row.text("name")?;
        let rows = if row.int("readable")? == 1 {
            Some(tx.count(&name).await?)
        } else {
            None
        };
        tables.push(TableStatus { name, rows });
    }
    Ok(tables)
}

impl Tx {
    /// Returns how many rows a table has.
    pub(super) async fn count(&mut self, table: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) AS rows FROM {}", quoted(table));
        match self.fetch_made(sql).await?.first() {
            Some(record) => Ok(record.of("tables").int("rows")?.unsigned_abs()),
            None => Ok(0),
        }
    }
}

/// Returns a name as an identifier in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

//! The status of a database: version, schema and size.

use crate::params;
use crate::schema::schema_version::SchemaVersion;
use crate::{SqlDialect, SqlTransaction, Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// The file, or the server's URL without its password.
    pub database: String,
    /// Name and version of the engine: `SQLite 3.50.4`, `PostgreSQL 16.4`.
    pub version: String,
    pub schema: SchemaVersion,
    pub bytes: u64,
    /// By name; if the schema is not current, the tables that exist.
    pub tables: Vec<TableStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    pub name: String,
    /// The number of rows; `None` if the user may not read the table.
    pub rows: Option<u64>,
}

impl Store {
    /// Returns the status of the database, whatever its schema.
    pub async fn status(&self) -> Result<DatabaseStatus, StoreError> {
        let schema = self.schema_version().await?;
        let mut tx = self.begin_read().await?;
        let (version, bytes) = read_version_and_size(&mut tx).await?;
        Ok(DatabaseStatus {
            database: self.name.to_string(),
            version,
            schema,
            bytes,
            tables: read_table_statuses(&mut tx, schema).await?,
        })
    }
}

impl Store {
    /// Returns name and version of the engine: `SQLite 3.50.4`, `PostgreSQL 16.4`.
    pub async fn server_version(&self) -> Result<String, StoreError> {
        read_version_and_size(&mut self.begin_read().await?)
            .await
            .map(|(version, _)| version)
    }
}

async fn read_version_and_size(tx: &mut SqlTransaction) -> Result<(String, u64), StoreError> {
    const SQLITE: &str = "SELECT 'SQLite ' || sqlite_version() AS version, page_count * page_size \
        AS bytes FROM pragma_page_count(), pragma_page_size()";
    // Some builds append more to the number: "15.10 (Debian 15.10-0+deb12u1)".
    const POSTGRES: &str = "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), \
        ' ', 1) AS version, pg_database_size(current_database()) AS bytes";
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    match tx.fetch_optional(sql, params![]).await? {
        Some(record) => {
            let row = record.reader("database");
            Ok((row.text("version")?, row.int("bytes")?.unsigned_abs()))
        }
        None => Err(StoreError::Driver(sqlx::Error::RowNotFound)),
    }
}

async fn read_table_statuses(
    tx: &mut SqlTransaction,
    schema: SchemaVersion,
) -> Result<Vec<TableStatus>, StoreError> {
    const SQLITE: &str = "SELECT name, 1 AS readable FROM sqlite_master WHERE type = 'table' \
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
    const POSTGRES: &str = "SELECT relname::text AS name, has_table_privilege(oid, 'SELECT')::int::bigint AS \
        readable FROM pg_class WHERE relkind = 'r' AND relname <> '_sqlx_migrations' AND \
        relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
        ORDER BY relname";
    // Without a schema of this program, the tables belong to another one.
    if schema.found.is_none() {
        return Ok(Vec::new());
    }
    let sql = match tx.dialect() {
        SqlDialect::Sqlite => SQLITE,
        SqlDialect::Postgres => POSTGRES,
    };
    let mut tables = Vec::new();
    for record in tx.fetch_all(sql, params![]).await? {
        let row = record.reader("tables");
        let name = row.text("name")?;
        let rows = if row.int("readable")? == 1 {
            Some(tx.count_rows(&name).await?)
        } else {
            None
        };
        tables.push(TableStatus { name, rows });
    }
    Ok(tables)
}

impl SqlTransaction {
    pub(crate) async fn count_rows(&mut self, table: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) AS rows FROM {}", quote_identifier(table));
        match self.fetch_generated(sql).await?.first() {
            Some(record) => Ok(record.reader("tables").int("rows")?.unsigned_abs()),
            None => Ok(0),
        }
    }
}

/// Returns a name as a quoted SQL identifier.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

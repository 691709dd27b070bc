//! The database of an installation, read and changed without the product: a file or a server.

use camino::Utf8PathBuf;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, TypeInfo, ValueRef};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The result of a query: text by row and column. NULL is an empty text, a boolean is `1` or `0`.
pub type TextRows = Vec<Vec<String>>;

/// The location of the database.
#[derive(Debug, Clone)]
pub enum DatabaseAddress {
    /// A SQLite file.
    File(Utf8PathBuf),
    /// The URL of a database on a PostgreSQL server.
    Server(String),
}

/// A connection.
pub enum DatabaseConnection {
    /// To a file.
    File(SqliteConnection),
    /// To a server.
    Server(PgConnection),
}

/// A blocking connection.
pub struct DatabaseObserver {
    runtime: Runtime,
    link: DatabaseConnection,
}

impl DatabaseAddress {
    /// Connects.
    pub async fn open(&self) -> Result<DatabaseConnection, sqlx::Error> {
        Ok(match self {
            DatabaseAddress::File(file) => {
                let options = SqliteConnectOptions::new().filename(file);
                DatabaseConnection::File(options.connect().await?)
            }
            DatabaseAddress::Server(url) => {
                let options: PgConnectOptions = url.parse()?;
                DatabaseConnection::Server(options.disable_statement_logging().connect().await?)
            }
        })
    }

    /// Connects.
    pub fn connect(&self) -> DatabaseObserver {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let link = runtime.block_on(self.open()).unwrap();
        DatabaseObserver { runtime, link }
    }

    /// Runs a query over a new connection.
    pub fn rows(&self, sql: &str) -> TextRows {
        self.connect().rows(sql)
    }
}

impl DatabaseObserver {
    /// Runs a query.
    pub fn rows(&mut self, sql: &str) -> TextRows {
        let found = self.runtime.block_on(self.link.rows(sql));
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs statements, and returns the error if the database refuses them.
    pub fn try_execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        self.runtime.block_on(self.link.execute(sql))
    }

    /// Runs statements.
    pub fn execute(&mut self, sql: &str) {
        let done = self.try_execute(sql);
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

impl DatabaseConnection {
    /// Runs a query.
    pub async fn rows(&mut self, sql: &str) -> Result<TextRows, sqlx::Error> {
        let query = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            DatabaseConnection::File(database) => {
                let rows = sqlx::query(query).fetch_all(database).await?;
                let texts =
                    |row: &SqliteRow| (0..row.len()).map(|at| sqlite_text(row, at)).collect();
                rows.iter().map(texts).collect()
            }
            DatabaseConnection::Server(database) => {
                let rows = sqlx::query(query).fetch_all(database).await?;
                let texts = |row: &PgRow| (0..row.len()).map(|at| postgres_text(row, at)).collect();
                rows.iter().map(texts).collect()
            }
        })
    }

    /// Runs statements.
    pub async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            DatabaseConnection::File(database) => statements.execute(database).await.map(drop),
            DatabaseConnection::Server(database) => statements.execute(database).await.map(drop),
        }
    }
}

fn sqlite_text(row: &SqliteRow, at: usize) -> String {
    let value = row.try_get_raw(at).unwrap();
    let kind = value.type_info().name().to_owned();
    if value.is_null() {
        return String::new();
    }
    match kind.as_str() {
        "INTEGER" | "BOOLEAN" => row.get_unchecked::<i64, _>(at).to_string(),
        "BLOB" => row.get_unchecked::<Uuid, _>(at).to_string(),
        _ => row.get_unchecked(at),
    }
}

fn postgres_text(row: &PgRow, at: usize) -> String {
    if row.try_get_raw(at).unwrap().is_null() {
        return String::new();
    }
    match row.column(at).type_info().name() {
        "BOOL" => i32::from(row.get::<bool, _>(at)).to_string(),
        "INT4" => row.get::<i32, _>(at).to_string(),
        "INT8" => row.get::<i64, _>(at).to_string(),
        "UUID" => row.get::<Uuid, _>(at).to_string(),
        "JSONB" => row.get::<serde_json::Value, _>(at).to_string(),
        _ => row.get_unchecked(at),
    }
}

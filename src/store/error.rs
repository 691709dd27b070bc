//! What can go wrong between the product and its database.

use std::path::PathBuf;

/// A failure of the database or of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory was never initialised.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// The database file cannot be opened.
    #[error("cannot open the database {}: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The driver's reason.
        source: sqlx::Error,
    },
    /// The database was made by a newer version of this program.
    #[error("the data in {} was written by a newer version of eklavya (schema {found}, this one knows up to {known})", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The newest migration in the database.
        found: i64,
        /// The newest migration that this program has.
        known: i64,
    },
    /// A migration failed; the database is as it was before.
    #[error("cannot bring the database {} up to date: {source}", file.display())]
    Migrate {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: sqlx::migrate::MigrateError,
    },
    /// A row holds something that this program never writes.
    #[error("the database is damaged: {table}.{column} of {id}: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The file system is full; the transaction was rolled back.
    #[error("the disk that holds the database is full; nothing of this change was kept")]
    DiskFull,
    /// Any other failure of the driver.
    #[error("the database refused: {0}")]
    Driver(sqlx::Error),
}

/// SQLite's result codes for a file system without room: `SQLITE_FULL` and, where not even the index
/// of the write-ahead log has any, `SQLITE_IOERR_SHMSIZE` (<https://www.sqlite.org/rescode.html>).
const NO_ROOM: [&str; 2] = ["13", "4874"];

/// Whether the file system has no room.
pub(super) fn is_disk_full(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| NO_ROOM.contains(&code.as_ref()))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_disk_full(&error) {
            StoreError::DiskFull
        } else {
            StoreError::Driver(error)
        }
    }
}

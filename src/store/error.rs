//! What can go wrong between the product and its database.

use eklavya_core::lease::LeaseHolder;

/// A failure of the database or of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory was never initialised, or the server's database has no tables.
    #[error("there is no database of eklavya's at {0}")]
    Missing(String),
    /// The database cannot be opened.
    #[error("cannot open the database {database}: {}", driver_message(source))]
    Open {
        /// The file, or the server's URL without its password.
        database: String,
        /// The driver's reason.
        source: sqlx::Error,
    },
    /// The server does not answer.
    #[error("cannot reach the database {database}: {}", driver_message(source))]
    Unreachable {
        /// The server's URL without its password.
        database: String,
        /// The reason.
        source: sqlx::Error,
    },
    /// No encrypted connection could be made.
    #[error(
        "cannot make an encrypted connection to the database {database}: {}",
        driver_message(source)
    )]
    Tls {
        /// The server's URL without its password.
        database: String,
        /// The reason.
        source: sqlx::Error,
    },
    /// The server does not let the user in.
    #[error(
        "the database {database} does not let the user {user} in: {}",
        driver_message(source)
    )]
    Unauthorized {
        /// The server's URL without its password.
        database: String,
        /// The user.
        user: String,
        /// The server's reason.
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error("the server has no database {database}")]
    NoDatabase {
        /// The server's URL without its password.
        database: String,
    },
    /// The server's version is not supported.
    #[error("the server of {database} is PostgreSQL {version}; needed is 15 or newer")]
    ServerTooOld {
        /// The server's URL without its password.
        database: String,
        /// What it says that it is.
        version: String,
    },
    /// The database cannot hold every text.
    #[error("the database {database} is encoded as {encoding}; needed is UTF8")]
    Encoding {
        /// The server's URL without its password.
        database: String,
        /// How its texts are encoded.
        encoding: String,
    },
    /// The server takes no writes.
    #[error("the database {database} is read-only, as a replica is")]
    ReadOnly {
        /// The server's URL without its password.
        database: String,
    },
    /// The user may not do what is needed.
    #[error("the user of the database may not do that: {}", driver_message(.0))]
    Forbidden(sqlx::Error),
    /// The connection was lost, or there was none to be had. What was being committed may or may
    /// not have been kept.
    #[error("the database went away: {}", driver_message(.0))]
    Unavailable(sqlx::Error),
    /// The connection was lost while a change was being committed.
    #[error("the database went away while a change was committed, so it may have been kept: {}", driver_message(.0))]
    InDoubt(sqlx::Error),
    /// Another worker took the project over; nothing of this change was kept.
    #[error("the lease on {project} was lost: {}; nothing more is written", describe_new_holder(.holder.as_deref()))]
    LeaseLost {
        /// The project's name on the command line.
        project: String,
        /// Who holds it now, if anybody does.
        holder: Option<Box<LeaseHolder>>,
    },
    /// Others kept the rows or the tables for longer than we wait.
    #[error("others keep what this needs of the database: {}", driver_message(.0))]
    Busy(sqlx::Error),
    /// The database was made by a newer version of this program.
    #[error(
        "the data in {database} was written by a newer version of eklavya (schema {found}, this one knows up to {known})"
    )]
    SchemaTooNew {
        /// The file or the server.
        database: String,
        /// The newest migration in the database.
        found: i64,
        /// The newest migration that this program has.
        known: i64,
    },
    /// A server's database was made by an older version of this program.
    #[error(
        "the data in {database} was written by an older version of eklavya (schema {found}, this one has {known})"
    )]
    SchemaTooOld {
        /// The server.
        database: String,
        /// The newest migration in the database.
        found: i64,
        /// The newest migration that this program has.
        known: i64,
    },
    /// A migration failed; the database is as it was before.
    #[error("cannot bring the database {database} up to date: {source}")]
    Migrate {
        /// The file or the server.
        database: String,
        /// The reason.
        source: super::MigrationError,
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
    /// A row holds something that cannot be read.
    #[error("the database is damaged: {table}.{column}: {reason}")]
    Damaged {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The file system is full; the transaction was rolled back.
    #[error("the disk that holds the database is full; nothing of this change was kept")]
    DiskFull,
    /// Any other failure of the driver.
    #[error("the database refused: {}", driver_message(.0))]
    Driver(sqlx::Error),
}

/// SQLite's result codes for a file system without room: `SQLITE_FULL` and, where not even the index
/// of the write-ahead log has any, `SQLITE_IOERR_SHMSIZE` (<https://www.sqlite.org/rescode.html>).
const DISK_FULL_CODES: [&str; 2] = ["13", "4874"];

/// Whether the file system has no room.
pub(super) fn is_disk_full(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return error.kind() == std::io::ErrorKind::StorageFull;
    }
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| DISK_FULL_CODES.contains(&code.as_ref()))
}

/// Whether the user lacks a right, by PostgreSQL's codes
/// (<https://www.postgresql.org/docs/16/errcodes-appendix.html>).
fn is_forbidden(error: &sqlx::Error) -> bool {
    database_code(error).is_some_and(|code| code == "42501")
}

/// Whether a lock was waited for in vain: PostgreSQL's `lock_not_available` and SQLite's
/// `SQLITE_BUSY`.
fn is_busy(error: &sqlx::Error) -> bool {
    database_code(error).is_some_and(|code| matches!(&*code, "55P03" | "5"))
}

/// Whether the connection is lost. Class 08 is the connection, class 57 the operator (a shutdown, a
/// cut connection), class 25P03 and 25P04 a transaction that stood still for too long.
fn is_unavailable(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        // A protocol error is a connection that broke in the middle of an answer.
        Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::WorkerCrashed
        | Error::Protocol(_) => true,
        _ => database_code(error).is_some_and(|code| {
            code.starts_with("08") || code.starts_with("57P") || matches!(&*code, "25P03" | "25P04")
        }),
    }
}

fn describe_new_holder(holder: Option<&LeaseHolder>) -> String {
    match holder {
        Some(holder) => format!("another worker ({holder}) has it now"),
        None => "another worker took it over and gave it back".to_owned(),
    }
}

/// Returns a failure in as few words as say it: the driver adds the line of the server's own source.
fn driver_message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn database_code(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    error.code().map(std::borrow::Cow::into_owned)
}

impl StoreError {
    /// Returns the error of a commit that failed.
    pub(super) fn from_commit_error(error: sqlx::Error) -> Self {
        match Self::from(error) {
            Self::Unavailable(error) => Self::InDoubt(error),
            other => other,
        }
    }

    /// Whether the database is away and may come back.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_) | StoreError::InDoubt(_))
    }

    /// Whether another worker took the project over.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, StoreError::LeaseLost { .. })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_disk_full(&error) {
            StoreError::DiskFull
        } else if is_forbidden(&error) {
            StoreError::Forbidden(error)
        } else if is_unavailable(&error) {
            StoreError::Unavailable(error)
        } else if is_busy(&error) {
            StoreError::Busy(error)
        } else {
            StoreError::Driver(error)
        }
    }
}

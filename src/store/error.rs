//! Errors of the database.

use eklavya_core::failure_kind::FailureKind;
use eklavya_core::lease::LeaseHolder;

/// A failure of the database, or of the data in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory is not initialised, or the server's database has no tables.
    #[error("no eklavya database exists at {0}")]
    Missing(String),
    #[error("cannot open the database {database}: {}", driver_message(source))]
    Open {
        /// The file, or the server's URL without its password.
        database: String,
        source: sqlx::Error,
    },
    #[error("cannot reach the database {database}: {}", driver_message(source))]
    Unreachable {
        /// The server's URL without its password.
        database: String,
        source: sqlx::Error,
    },
    #[error(
        "cannot make an encrypted connection to the database {database}: {}",
        driver_message(source)
    )]
    Tls {
        /// The server's URL without its password.
        database: String,
        source: sqlx::Error,
    },
    /// The server refuses the login.
    #[error(
        "database {database} refused the login of user {user}: {}",
        driver_message(source)
    )]
    Unauthorized {
        /// The server's URL without its password.
        database: String,
        user: String,
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error("database {database} does not exist on the server")]
    NoDatabase {
        /// The server's URL without its password.
        database: String,
    },
    #[error("the server of {database} is PostgreSQL {version}; 15 or newer is required")]
    ServerTooOld {
        /// The server's URL without its password.
        database: String,
        /// The version that it reports.
        version: String,
    },
    /// The database cannot store all texts.
    #[error("database {database} has the encoding {encoding}; UTF8 is required")]
    Encoding {
        /// The server's URL without its password.
        database: String,
        encoding: String,
    },
    /// The server is read-only.
    #[error("database {database} is read-only; it may be a replica")]
    ReadOnly {
        /// The server's URL without its password.
        database: String,
    },
    /// The user lacks a privilege.
    #[error("the database user lacks a privilege: {}", driver_message(.0))]
    Forbidden(sqlx::Error),
    /// The connection was lost or could not be made.
    #[error("the database is unavailable: {}", driver_message(.0))]
    Unavailable(sqlx::Error),
    /// The connection was lost during a commit, which may have succeeded.
    #[error("lost the connection to the database during a commit, which may have succeeded: {}", driver_message(.0))]
    InDoubt(sqlx::Error),
    /// Another worker took over the project; the change was rolled back.
    #[error("lost the lease on {project}: {}; no more changes are written", describe_new_holder(.holder.as_deref()))]
    LeaseLost {
        /// The project's slug.
        project: String,
        /// The current holder, if any.
        holder: Option<Box<LeaseHolder>>,
    },
    /// A lock was not available within the timeout.
    #[error("timed out waiting for a lock in the database: {}", driver_message(.0))]
    Busy(sqlx::Error),
    /// A newer version of this program created the database.
    #[error(
        "a newer version of eklavya wrote the data in {database} (schema {found}; this version knows up to {known})"
    )]
    SchemaTooNew {
        database: String,
        /// The newest migration of the database.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// An older version of this program created the server's database.
    #[error(
        "an older version of eklavya wrote the data in {database} (schema {found}; this version has {known})"
    )]
    SchemaTooOld {
        database: String,
        /// The newest migration of the database.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// A migration failed; the database is unchanged.
    #[error("cannot upgrade database {database}: {source}")]
    Migrate {
        database: String,
        source: super::MigrationError,
    },
    /// A row contains a value that this program never writes.
    #[error("the database is damaged: {table}.{column} of {id}: {reason}")]
    Corrupt {
        table: &'static str,
        column: &'static str,
        id: String,
        reason: String,
    },
    /// A value cannot be decoded.
    #[error("the database is damaged: {table}.{column}: {reason}")]
    Damaged {
        table: String,
        column: String,
        reason: String,
    },
    /// The file system is full; the transaction was rolled back.
    #[error("the disk of the database is full; the change was rolled back")]
    DiskFull,
    /// Any other failure of the driver.
    #[error("database error: {}", driver_message(.0))]
    Driver(sqlx::Error),
}

/// SQLite's result codes for a full file system: `SQLITE_FULL` and, if not even the index of the
/// write-ahead log fits, `SQLITE_IOERR_SHMSIZE` (<https://www.sqlite.org/rescode.html>).
const DISK_FULL_CODES: [&str; 2] = ["13", "4874"];

pub(super) fn is_disk_full(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return error.kind() == std::io::ErrorKind::StorageFull;
    }
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| DISK_FULL_CODES.contains(&code.as_ref()))
}

/// Returns whether the user lacks a privilege, by PostgreSQL's codes
/// (<https://www.postgresql.org/docs/16/errcodes-appendix.html>).
fn is_forbidden(error: &sqlx::Error) -> bool {
    database_code(error).is_some_and(|code| code == "42501")
}

/// Returns whether a lock timed out: PostgreSQL's `lock_not_available` and SQLite's `SQLITE_BUSY`.
fn is_busy(error: &sqlx::Error) -> bool {
    database_code(error).is_some_and(|code| matches!(&*code, "55P03" | "5"))
}

/// Returns whether the connection is lost. Class 08 is the connection, class 57 the operator (a
/// shutdown, a terminated connection), 25P03 and 25P04 a transaction that was idle for too long.
fn is_unavailable(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        // A protocol error means that the connection broke during an answer.
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
        Some(holder) => format!("another worker ({holder}) holds it now"),
        None => "another worker took it over and released it".to_owned(),
    }
}

/// Returns a short message: the driver appends the line of the server's source code.
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
    /// Returns the error of a failed commit.
    pub(super) fn from_commit_error(error: sqlx::Error) -> Self {
        match Self::from(error) {
            Self::Unavailable(error) => Self::InDoubt(error),
            other => other,
        }
    }

    /// Returns whether the database is unavailable, but may come back.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_) | StoreError::InDoubt(_))
    }

    /// Returns whether another worker took over the project.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, StoreError::LeaseLost { .. })
    }

    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            StoreError::LeaseLost { .. } => FailureKind::WrongState,
            _ => FailureKind::Environment,
        }
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

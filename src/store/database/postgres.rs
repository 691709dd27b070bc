//! PostgreSQL: many workers share one database.

use std::io;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Postgres, Transaction};
use tokio::time::timeout;

use crate::{PostgresServer, StoreError};

/// Connections of one process. A worker's agents write in short transactions.
const MAX_CONNECTIONS: u32 = 10;
/// The timeout for a connection from the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for a connection before probing the server.
const PROBE_AFTER: Duration = Duration::from_secs(1);
/// How long the server may take to accept a connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The oldest supported version, 15, in the format of `server_version_num`.
const OLDEST_VERSION: u32 = 150_000;

/// Opens a connection pool and checks that the server is usable.
pub(crate) async fn connect(server: &PostgresServer) -> Result<PgPool, StoreError> {
    let options = connect_options(server);
    // Outside of the pool, which would report only a timeout.
    let asked = async {
        let mut first = open_connection(&options, server).await?;
        check_server(&mut first, server).await?;
        // The checks are complete.
        let _ = first.close().await;
        Ok::<_, StoreError>(())
    };
    match timeout(server.connect_timeout(), asked).await {
        Ok(answered) => answered?,
        Err(_) => return Err(timeout_error(server)),
    }
    Ok(PgPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

fn timeout_error(server: &PostgresServer) -> StoreError {
    let seconds = server.connect_timeout().as_secs();
    let reason = format!("no answer within {seconds} s");
    StoreError::Unreachable {
        database: server.display_url(),
        source: sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason)),
    }
}

/// Starts a transaction.
///
/// If the server is down, the pool retries until its timeout; this detects it sooner. It may be
/// cancelled.
pub(crate) async fn begin(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    // If a BEGIN is cancelled, the driver does not notice it (sqlx 0.9), and the connection returns
    // to the pool with an open transaction. In a separate task it completes; if the receiver is
    // gone, the transaction is rolled back.
    let own = pool.clone();
    let mut beginning = tokio::spawn(async move { own.begin_with(statement).await });
    loop {
        tokio::select! {
            begun = &mut beginning => {
                let ended = |_| StoreError::Unavailable(sqlx::Error::WorkerCrashed);
                return Ok(begun.map_err(ended)??);
            }
            () = tokio::time::sleep(PROBE_AFTER) => {
                if let Err(error) = Box::pin(probe_server(pool)).await {
                    beginning.abort();
                    return Err(error);
                }
            }
        }
    }
}

/// Checks whether the server accepts a connection.
async fn probe_server(pool: &PgPool) -> Result<(), StoreError> {
    let options = pool.connect_options();
    match tokio::time::timeout(ANSWER_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection.close().await?),
        // All connections of the server are in use: the pool waits for one.
        Ok(Err(error)) if is_out_of_connections(&error) => Ok(()),
        Ok(Err(error)) => Err(StoreError::Unavailable(error)),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

/// Returns whether the server has no free connections (`too_many_connections`).
fn is_out_of_connections(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "53300")
}

/// Opens one connection outside of the pool.
pub(crate) async fn open_connection(
    options: &PgConnectOptions,
    server: &PostgresServer,
) -> Result<PgConnection, StoreError> {
    options
        .connect()
        .await
        .map_err(|source| connect_error(server, source))
}

/// Returns the connection options, without the driver's default user.
pub(crate) fn connect_options(server: &PostgresServer) -> PgConnectOptions {
    let options = server
        .options()
        .application_name("eklavya")
        // A worker that freezes within a transaction must not keep its locks.
        .options([
            ("idle_in_transaction_session_timeout", "30000"),
            ("lock_timeout", "30000"),
            // Set here because the order of events relies on both, whatever the server's defaults
            // are.
            ("default_transaction_isolation", "read committed"),
            ("synchronous_commit", "on"),
        ]);
    options.disable_statement_logging()
}

async fn check_server(
    connection: &mut PgConnection,
    server: &PostgresServer,
) -> Result<(), StoreError> {
    const SQL: &str = "SELECT current_setting('server_encoding'), pg_is_in_recovery() \
        OR current_setting('default_transaction_read_only')::bool";
    let database = server.display_url();
    // The server sends its version unasked; one that is too old might not understand the query.
    let version = connection.server_version_num().unwrap_or(OLDEST_VERSION);
    if version < OLDEST_VERSION {
        let version = format_version(version);
        return Err(StoreError::ServerTooOld { database, version });
    }
    let (encoding, read_only): (String, bool) = sqlx::query_as(SQL).fetch_one(connection).await?;
    if read_only {
        return Err(StoreError::ReadOnly { database });
    }
    if encoding != "UTF8" {
        return Err(StoreError::Encoding { database, encoding });
    }
    Ok(())
}

/// Returns a number like 140009 in the usual form: 14.9. Versions before 10 have three parts.
fn format_version(version: u32) -> String {
    let (major, minor, patch) = (version / 10_000, version / 100 % 100, version % 100);
    match major {
        0..10 => format!("{major}.{minor}.{patch}"),
        _ => format!("{major}.{}", version % 10_000),
    }
}

/// Returns why the connection failed. The driver's messages never contain the password.
fn connect_error(server: &PostgresServer, source: sqlx::Error) -> StoreError {
    let database = server.display_url();
    let code = source
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match (code.as_deref(), &source) {
        // invalid_password, invalid_authorization_specification
        (Some("28P01" | "28000"), _) => StoreError::Unauthorized {
            database,
            user: server.user(),
            source,
        },
        // invalid_catalog_name
        (Some("3D000"), _) => StoreError::NoDatabase { database },
        (_, sqlx::Error::Tls(_)) => StoreError::Tls { database, source },
        // Another kind of server answers.
        (_, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => {
            StoreError::Unreachable { database, source }
        }
        _ => StoreError::Open { database, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_numbers_are_formatted_with_dots() {
        assert_eq!(format_version(140_009), "14.9");
        assert_eq!(format_version(160_000), "16.0");
        assert_eq!(format_version(90_624), "9.6.24");
    }
}

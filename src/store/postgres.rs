//! PostgreSQL: many workers on one database.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::{Server, StoreError};

/// Connections of one process. A worker's agents write in short transactions.
const CONNECTIONS: u32 = 10;
/// How long to wait for a connection, of which there may be none free or none at all.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// The oldest version that has what we use: 15, in the notation of `server_version_num`.
const OLDEST: i32 = 150_000;

/// Opens a pool of connections and makes sure that the server can be worked with.
pub(super) async fn connect(server: &Server) -> Result<PgPool, StoreError> {
    let options = options(server);
    // Asked apart from the pool, which would hide the reason behind a timeout.
    let mut first = open(&options, server).await?;
    examine(&mut first, server).await?;
    // It said all that it was asked for.
    let _ = first.close().await;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

/// Opens one connection of its own.
pub(super) async fn open(
    options: &PgConnectOptions,
    server: &Server,
) -> Result<PgConnection, StoreError> {
    options
        .connect()
        .await
        .map_err(|source| refusal(server, source))
}

/// Returns how to connect: never with a user that the driver makes up.
pub(super) fn options(server: &Server) -> PgConnectOptions {
    let options = server
        .options()
        .application_name("eklavya")
        // A worker that freezes within a transaction must not keep its locks for ever.
        .options([
            ("idle_in_transaction_session_timeout", "30000"),
            ("lock_timeout", "30000"),
            // Whatever the server's defaults are: the order of events relies on both.
            ("default_transaction_isolation", "read committed"),
            ("synchronous_commit", "on"),
        ]);
    options.disable_statement_logging()
}

async fn examine(connection: &mut PgConnection, server: &Server) -> Result<(), StoreError> {
    const SQL: &str = "SELECT current_setting('server_version_num')::int, \
        current_setting('server_version'), pg_is_in_recovery() \
        OR current_setting('default_transaction_read_only')::bool";
    let (number, version, read_only): (i32, String, bool) =
        sqlx::query_as(SQL).fetch_one(connection).await?;
    let database = server.shown();
    if number < OLDEST {
        return Err(StoreError::TooOld { database, version });
    }
    if read_only {
        return Err(StoreError::ReadOnly { database });
    }
    Ok(())
}

/// Returns why the server did not let us in. The driver's own words never hold the password.
fn refusal(server: &Server, source: sqlx::Error) -> StoreError {
    let database = server.shown();
    let code = source
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // invalid_password, invalid_authorization_specification
        Some("28P01" | "28000") => StoreError::Unauthorized {
            database,
            user: server.user(),
            source,
        },
        // invalid_catalog_name
        Some("3D000") => StoreError::NoDatabase { database },
        _ => StoreError::Open { database, source },
    }
}

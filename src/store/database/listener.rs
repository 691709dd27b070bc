//! Notifies of events that this process or another one has written.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Row};

use crate::{DatabasePool, Store, StoreError};

/// The channel of `place_events` (`migrations/postgres/0003_event_order.sql`).
const CHANNEL: &str = "eklavya_events";
/// How often a file is polled. One poll takes some microseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(30);
/// The timeout of a new connection for listening.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that waits for new events. Events written before it is opened are not reported, so
/// the caller first reads the existing ones.
#[derive(Debug)]
pub struct DatabaseListener(ListenerBackend);

#[derive(Debug)]
enum ListenerBackend {
    /// `PRAGMA data_version`, a number that changes when another connection has changed the file.
    Sqlite {
        connection: SqliteConnection,
        version: i64,
    },
    Postgres(PgListener),
}

impl DatabaseListener {
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(match &store.pool {
            DatabasePool::Sqlite(pool) => {
                let mut connection = pool.connect_options().connect().await?;
                let version = data_version(&mut connection).await?;
                ListenerBackend::Sqlite {
                    connection,
                    version,
                }
            }
            DatabasePool::Postgres(pool) => {
                let options = pool.connect_options().as_ref().clone();
                // A pool of its own, so that the other connections stay available.
                let own = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(CONNECT_TIMEOUT)
                    .max_lifetime(None)
                    .idle_timeout(None)
                    .connect_lazy_with(options);
                let mut listener = PgListener::connect_with(&own).await?;
                // The caller has to notice the gap.
                listener.eager_reconnect(false);
                listener.listen(CHANNEL).await?;
                ListenerBackend::Postgres(listener)
            }
        }))
    }

    /// Waits until there may be new events. Returns the newest sequence number if it is known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the connection is lost; open a new one then.
    pub async fn wait_for_events(&mut self) -> Result<Option<i64>, StoreError> {
        match &mut self.0 {
            ListenerBackend::Sqlite {
                connection,
                version,
            } => loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                let now = data_version(connection).await?;
                if now != *version {
                    *version = now;
                    return Ok(None);
                }
            },
            ListenerBackend::Postgres(listener) => match listener.try_recv().await? {
                Some(told) => Ok(told.payload().parse().ok()),
                None => Err(StoreError::from(sqlx::Error::Io(
                    io::ErrorKind::UnexpectedEof.into(),
                ))),
            },
        }
    }
}

async fn data_version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("PRAGMA data_version").fetch_one(connection);
    Ok(row.await?.try_get(0)?)
}

//! Hearing of events that another process, or this one, has written.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Row};

use crate::{DatabasePool, Store, StoreError};

/// The channel on which `place_events` tells (`migrations/postgres/0003_event_order.sql`).
const CHANNEL: &str = "eklavya_events";
/// How often a file is looked at. A look takes some microseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(30);
/// How long a server may take to let a listener in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection of its own that hears of events. What happens while there is none is not told
/// afterwards: whoever opens one looks first at what is there.
#[derive(Debug)]
pub struct DatabaseListener(ListenerBackend);

#[derive(Debug)]
enum ListenerBackend {
    /// `PRAGMA data_version`: a number that changes when another connection has changed the file.
    Sqlite {
        connection: SqliteConnection,
        version: i64,
    },
    /// LISTEN and NOTIFY.
    Postgres(PgListener),
}

impl DatabaseListener {
    /// Starts to listen.
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
                // The others must not run short of connections because of it.
                let own = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(CONNECT_TIMEOUT)
                    .max_lifetime(None)
                    .idle_timeout(None)
                    .connect_lazy_with(options);
                let mut listener = PgListener::connect_with(&own).await?;
                // Whoever listens has to know of the gap.
                listener.eager_reconnect(false);
                listener.listen(CHANNEL).await?;
                ListenerBackend::Postgres(listener)
            }
        }))
    }

    /// Waits until there may be new events. Returns the place of the newest where it is told.
    ///
    /// # Errors
    /// [`StoreError::Away`] where the connection is lost; a new one has to be opened then.
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

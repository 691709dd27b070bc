//! The bus on a Redis server. All keys and channels start with `eklavya:<installation>:`.

mod connect;
pub(crate) mod connection;
pub(crate) mod rate_limits;
pub(crate) mod reconnector;
mod server;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, cmd};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub use self::server::RedisServer;

use crate::bus::error::{BusError, BusUnavailable};
use crate::bus::listeners::{BusEvent, Listeners};
use crate::bus::redis::connection::RedisConnection;
use crate::bus::redis::reconnector::{Envelope, Reconnector};

/// What to do if the server is unavailable when the bus is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// Return an error.
    Refuse,
    /// Log a warning and start with the database.
    Warn,
}

#[derive(Debug)]
pub(super) struct RedisBus {
    connection: Arc<RedisConnection>,
    prefix: String,
    channel: String,
    bus_id: Uuid,
    _reconnector: DropGuard,
}

impl RedisBus {
    pub async fn open(
        server: RedisServer,
        installation: Uuid,
        when_away: OnUnavailable,
        listeners: Listeners,
    ) -> Result<Self, BusError> {
        let prefix = format!("eklavya:{installation}:");
        let channel = format!("{prefix}news");
        let link = Arc::new(RedisConnection::new(server));
        let pushes = match connect::connect(&link.server, &channel).await {
            Ok(connected) => Some(link.attach(connected)),
            Err(error) if error.is_away() && when_away == OnUnavailable::Warn => {
                link.warn_unavailable(&error.to_string());
                None
            }
            Err(error) => return Err(error),
        };
        let (bus_id, closing) = (Uuid::new_v4(), CancellationToken::new());
        let reconnector = Reconnector {
            connection: link.clone(),
            channel: channel.clone(),
            bus_id,
            listeners,
        };
        let run = reconnector.run(pushes);
        tokio::spawn(closing.clone().run_until_cancelled_owned(run));
        Ok(Self {
            connection: link,
            prefix,
            channel,
            bus_id,
            _reconnector: closing.drop_guard(),
        })
    }

    pub async fn publish(&self, news: &[BusEvent]) {
        let mut pipeline = Pipeline::new();
        for piece in news {
            let envelope = Envelope {
                from: self.bus_id,
                news: piece.clone(),
            };
            // The product's own types can always be serialized.
            let Ok(text) = serde_json::to_string(&envelope) else {
                continue;
            };
            pipeline
                .cmd("PUBLISH")
                .arg(&self.channel)
                .arg(text)
                .ignore();
        }
        // If they do not arrive, the database still has them.
        let _ = self
            .connection
            .or_unavailable(self.connection.request_all::<()>(&pipeline).await);
    }

    pub async fn get(&self, key: &str) -> Result<Option<String>, BusUnavailable> {
        let question = cmd("GET").arg(self.cache_key(key)).to_owned();
        self.request(&question).await
    }

    pub async fn put(&self, key: &str, value: &str, time_to_live: Duration) {
        let question = cmd("SET")
            .arg(self.cache_key(key))
            .arg(value)
            .arg("PX")
            .arg(rate_limits::to_millis(time_to_live))
            .to_owned();
        let _ = self.request::<()>(&question).await;
    }

    fn cache_key(&self, key: &str) -> String {
        format!("{}cache:{key}", self.prefix)
    }

    pub fn connection_generation(&self) -> Option<u64> {
        self.connection.generation()
    }

    async fn request<T: ::redis::FromRedisValue>(
        &self,
        question: &Cmd,
    ) -> Result<T, BusUnavailable> {
        self.connection
            .or_unavailable(self.connection.request(question).await)
    }
}

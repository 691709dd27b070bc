//! The bus on a Redis server. Every key and channel starts with `eklavya:<installation>:`.

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

use super::{BusError, BusUnavailable};
use crate::bus::listeners::{BusEvent, Listeners};
use crate::bus::redis::connection::RedisConnection;
use crate::bus::redis::reconnector::{Envelope, Reconnector};

/// What to do about a server that is away when the bus is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// It is an error.
    Refuse,
    /// The work begins from the database, with a warning.
    Warn,
}

/// A Redis server as the bus.
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
        ears: Listeners,
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
        let (own, closing) = (Uuid::new_v4(), CancellationToken::new());
        let keeper = Reconnector {
            connection: link.clone(),
            channel: channel.clone(),
            bus_id: own,
            listeners: ears,
        };
        tokio::spawn(
            closing
                .clone()
                .run_until_cancelled_owned(keeper.run(pushes)),
        );
        Ok(Self {
            connection: link,
            prefix,
            channel,
            bus_id: own,
            _reconnector: closing.drop_guard(),
        })
    }

    pub async fn publish(&self, news: &[BusEvent]) {
        let mut letters = Pipeline::new();
        for piece in news {
            let letter = Envelope {
                from: self.bus_id,
                news: piece.clone(),
            };
            // The product's own types can always be written.
            let Ok(text) = serde_json::to_string(&letter) else {
                continue;
            };
            letters.cmd("PUBLISH").arg(&self.channel).arg(text).ignore();
        }
        // Where they do not arrive, the database has them.
        let _ = self
            .connection
            .or_unavailable(self.connection.request_all::<()>(&letters).await);
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

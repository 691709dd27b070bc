//! The bus on a Redis server. Every key and channel starts with `eklavya:<installation>:`.

mod connect;
mod keeper;
mod limits;
mod link;
mod server;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, cmd};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub use self::server::Server;

use self::keeper::{Keeper, Letter};
use self::link::Link;
use super::news::{Ears, News};
use super::{Away, BusError};

/// What to do about a server that is away when the bus is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenAway {
    /// It is an error.
    Refuse,
    /// The work begins from the database, with a warning.
    Warn,
}

/// A Redis server as the bus.
#[derive(Debug)]
pub(super) struct Redis {
    link: Arc<Link>,
    prefix: String,
    channel: String,
    own: Uuid,
    _keeper: DropGuard,
}

impl Redis {
    pub async fn open(
        server: Server,
        installation: Uuid,
        when_away: WhenAway,
        ears: Ears,
    ) -> Result<Self, BusError> {
        let prefix = format!("eklavya:{installation}:");
        let channel = format!("{prefix}news");
        let link = Arc::new(Link::new(server));
        let pushes = match connect::connect(&link.server, &channel).await {
            Ok(connected) => Some(link.begin(connected)),
            Err(error) if error.is_away() && when_away == WhenAway::Warn => {
                link.warn_of_absence(&error.to_string());
                None
            }
            Err(error) => return Err(error),
        };
        let (own, closing) = (Uuid::new_v4(), CancellationToken::new());
        let keeper = Keeper {
            link: link.clone(),
            channel: channel.clone(),
            own,
            ears,
        };
        tokio::spawn(
            closing
                .clone()
                .run_until_cancelled_owned(keeper.keep(pushes)),
        );
        Ok(Self {
            link,
            prefix,
            channel,
            own,
            _keeper: closing.drop_guard(),
        })
    }

    pub async fn publish(&self, news: &[News]) {
        let mut letters = Pipeline::new();
        for piece in news {
            let letter = Letter {
                from: self.own,
                news: piece.clone(),
            };
            // The product's own types can always be written.
            let Ok(text) = serde_json::to_string(&letter) else {
                continue;
            };
            letters.cmd("PUBLISH").arg(&self.channel).arg(text).ignore();
        }
        // Where they do not arrive, the database has them.
        let _ = self.link.without(self.link.ask_all::<()>(&letters).await);
    }

    pub async fn get(&self, key: &str) -> Result<Option<String>, Away> {
        let question = cmd("GET").arg(self.cached(key)).to_owned();
        self.ask(&question).await
    }

    pub async fn put(&self, key: &str, value: &str, time_to_live: Duration) {
        let question = cmd("SET")
            .arg(self.cached(key))
            .arg(value)
            .arg("PX")
            .arg(limits::millis(time_to_live))
            .to_owned();
        let _ = self.ask::<()>(&question).await;
    }

    fn cached(&self, key: &str) -> String {
        format!("{}cache:{key}", self.prefix)
    }

    pub fn connection(&self) -> Option<u64> {
        self.link.number()
    }

    async fn ask<T: ::redis::FromRedisValue>(&self, question: &Cmd) -> Result<T, Away> {
        self.link.without(self.link.ask(question).await)
    }
}

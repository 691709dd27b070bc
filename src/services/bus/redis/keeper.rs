//! Keeps the connection up in the background, and hears what the server says unasked.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Msg, PushInfo, PushKind, cmd};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::connect::connect;
use super::link::Link;
use crate::bus::news::{Ears, Heard, News};

/// How often a connection on which nothing is asked is tried: the other end may be gone without a
/// word.
const PULSE: Duration = Duration::from_secs(5);
/// The pause before a new connection; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A piece of news on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The bus that sent it, which has told its own listeners already.
    pub from: Uuid,
    pub news: News,
}

pub(super) struct Keeper {
    pub link: Arc<Link>,
    pub channel: String,
    /// The bus that this keeper belongs to.
    pub own: Uuid,
    pub ears: Ears,
}

impl Keeper {
    /// Keeps the connection until it is dropped.
    pub async fn keep(self, mut pushes: Option<UnboundedReceiver<PushInfo>>) {
        loop {
            if let Some(pushes) = pushes.take() {
                self.listen(pushes).await;
            }
            pushes = Some(self.reconnect().await);
            self.ears.tell(Heard::Gap);
        }
    }

    async fn listen(&self, mut pushes: UnboundedReceiver<PushInfo>) {
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(number) = self.link.number() {
            tokio::select! {
                () = self.link.lost() => {}
                push = pushes.recv() => match push {
                    Some(push) if push.kind != PushKind::Disconnection => self.hear(push),
                    _ => self.link.lose(number, "the connection was closed"),
                },
                // What comes of it is noted there.
                _ = pulse.tick() => { let _ = self.link.ask::<()>(&cmd("PING")).await; }
            }
        }
    }

    fn hear(&self, push: PushInfo) {
        let Some(message) = Msg::from_push_info(push) else {
            return;
        };
        match serde_json::from_slice::<Letter>(message.get_payload_bytes()) {
            Ok(letter) if letter.from != self.own => self.ears.tell(Heard::News(letter.news)),
            Ok(_) => {}
            // Another version may tell what this one does not know; the database has it.
            Err(error) => {
                tracing::debug!(%error, "news that cannot be read");
                self.ears.tell(Heard::Gap);
            }
        }
    }

    /// Connects again, however long that takes. Meanwhile the listeners are told now and then to
    /// look for themselves, since nobody tells them.
    async fn reconnect(&self) -> UnboundedReceiver<PushInfo> {
        let mut pause = FIRST_PAUSE;
        loop {
            let spread = rand::rng().random_range(0.0..0.25);
            tokio::time::sleep(pause + pause.mul_f64(spread)).await;
            match connect(&self.link.server, &self.channel).await {
                Ok(connected) => {
                    let place = self.link.server.shown();
                    tracing::info!(%place, "Redis is back");
                    return self.link.begin(connected);
                }
                Err(error) => tracing::debug!(%error, "Redis is still away"),
            }
            self.ears.tell(Heard::Gap);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

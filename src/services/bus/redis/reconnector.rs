//! Maintains the connection in the background, and handles the server's push messages.

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Msg, PushInfo, PushKind, cmd};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::connect::connect;
use crate::bus::listeners::{BusEvent, BusSignal, Listeners};
use crate::bus::redis::connection::RedisConnection;
use eklavya_core::backoff::Backoff;

/// The interval of pings on an idle connection: the server may be gone without closing it.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The pauses before new connections.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An event in transit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The sender, which has notified its own listeners already.
    pub from: Uuid,
    pub news: BusEvent,
}

pub(crate) struct Reconnector {
    pub connection: Arc<RedisConnection>,
    pub channel: String,
    /// The bus of this process.
    pub bus_id: Uuid,
    pub listeners: Listeners,
}

impl Reconnector {
    /// Maintains the connection until it is dropped.
    pub async fn run(self, mut pushes: Option<UnboundedReceiver<PushInfo>>) {
        loop {
            if let Some(pushes) = pushes.take() {
                self.listen(pushes).await;
            }
            pushes = Some(self.reconnect().await);
            self.listeners.notify(BusSignal::Gap);
        }
    }

    async fn listen(&self, mut pushes: UnboundedReceiver<PushInfo>) {
        let mut pulse = tokio::time::interval(PING_INTERVAL);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(number) = self.connection.generation() {
            tokio::select! {
                () = self.connection.wait_until_lost() => {}
                push = pushes.recv() => match push {
                    Some(push) if push.kind != PushKind::Disconnection => self.handle_push(push),
                    _ => self.connection.mark_lost(number, "the connection was closed"),
                },
                // The request itself records a failure.
                _ = pulse.tick() => { let _ = self.connection.request::<()>(&cmd("PING")).await; }
            }
        }
    }

    fn handle_push(&self, push: PushInfo) {
        let Some(message) = Msg::from_push_info(push) else {
            return;
        };
        match serde_json::from_slice::<Envelope>(message.get_payload_bytes()) {
            Ok(envelope) if envelope.from != self.bus_id => {
                self.listeners.notify(BusSignal::Event(envelope.news));
            }
            Ok(_) => {}
            // Another version may send events that this one does not know; the database has them.
            Err(error) => {
                tracing::debug!(%error, "received an event that cannot be read");
                self.listeners.notify(BusSignal::Gap);
            }
        }
    }

    /// Connects again, without a time limit. After each failure it signals a gap, so that the
    /// listeners read the database meanwhile.
    async fn reconnect(&self) -> UnboundedReceiver<PushInfo> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).with_jitter();
        loop {
            backoff.wait().await;
            match connect(&self.connection.server, &self.channel).await {
                Ok(connected) => {
                    let place = self.connection.server.display_url();
                    tracing::info!(%place, "Redis is available again");
                    return self.connection.attach(connected);
                }
                Err(error) => tracing::debug!(%error, "Redis is still unavailable"),
            }
            self.listeners.notify(BusSignal::Gap);
        }
    }
}

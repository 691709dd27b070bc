//! The bus between processes: it carries events, wakes listeners, and counts shared rate limits.
//! The database is authoritative; without the bus nothing is lost.
//!
//! By default the bus is inside the process. With `bus.url` it is a Redis server (6.2 or later),
//! where all names contain the installation's id.

mod cache;
mod error;
mod inboxes;
pub(crate) mod listeners;
mod redis;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use self::cache::{ExpiringCache, MAX_VALUE_BYTES};
use self::inboxes::LocalInboxes;
use self::redis::RedisBus;
use crate::bus::listeners::Listeners;
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};

pub use self::error::{BusError, BusUnavailable};
pub use self::inboxes::InboxEntry;
pub use self::redis::{OnUnavailable, RedisServer};
pub use crate::bus::listeners::{BusEvent, BusListener, BusSignal};

/// Publishes committed events, and keeps short-lived data that all workers share.
#[derive(Debug, Clone)]
pub struct Bus {
    listeners: Listeners,
    transport: Transport,
}

#[derive(Debug, Clone)]
enum Transport {
    InProcess(Arc<InProcessBus>),
    Redis(Arc<RedisBus>),
}

/// The bus without a server.
#[derive(Debug, Default)]
struct InProcessBus {
    inboxes: Mutex<LocalInboxes>,
    cache: Mutex<ExpiringCache>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::in_process()
    }
}

impl Bus {
    /// Returns a bus inside this process.
    pub fn in_process() -> Self {
        Self {
            listeners: Listeners::new(),
            transport: Transport::InProcess(Arc::default()),
        }
    }

    /// Connects to a Redis server, where all names contain the installation's id. It must be called
    /// in a tokio runtime, which keeps the connection alive until the last clone is dropped.
    ///
    /// # Errors
    /// The server is not usable. An unreachable server is an error unless `when_away` is
    /// [`OnUnavailable::Warn`].
    pub async fn open(
        server: RedisServer,
        installation: Uuid,
        when_away: OnUnavailable,
    ) -> Result<Self, BusError> {
        let listeners = Listeners::new();
        let redis = RedisBus::open(server, installation, when_away, listeners.clone()).await?;
        Ok(Self {
            listeners,
            transport: Transport::Redis(Arc::new(redis)),
        })
    }

    /// Returns a listener for all events from now on, from any process.
    pub fn subscribe(&self) -> BusListener {
        self.listeners.subscribe()
    }

    /// Notifies every listener of every process, those of this process first and exactly once.
    pub async fn publish(&self, news: Vec<BusEvent>) {
        for piece in &news {
            self.notify_local(BusSignal::Event(piece.clone()));
        }
        if let Transport::Redis(redis) = &self.transport
            && !news.is_empty()
        {
            redis.publish(&news).await;
        }
    }

    /// Notifies the listeners of this process only, of signals that did not arrive by the bus.
    pub(crate) fn notify_local(&self, signal: BusSignal) {
        self.listeners.notify(signal);
    }

    /// Adds a text to an inbox, which keeps the last 1,000 entries.
    pub async fn send(&self, inbox: &str, text: &str) -> Result<(), BusUnavailable> {
        match &self.transport {
            Transport::InProcess(process) => {
                lock(&process.inboxes).send(inbox, text);
                Ok(())
            }
            Transport::Redis(redis) => redis.send(inbox, text).await,
        }
    }

    /// Takes at most `most` entries out of an inbox, oldest first. They belong to the consumer
    /// until it acknowledges them; no other consumer receives them.
    pub async fn receive(
        &self,
        inbox: &str,
        consumer: &str,
        most: usize,
    ) -> Result<Vec<InboxEntry>, BusUnavailable> {
        match &self.transport {
            Transport::InProcess(process) => {
                Ok(lock(&process.inboxes).receive(inbox, consumer, most))
            }
            Transport::Redis(redis) => redis.receive(inbox, consumer, most).await,
        }
    }

    /// Acknowledges entries; returns how many of them were unacknowledged.
    pub async fn acknowledge(&self, inbox: &str, ids: &[String]) -> Result<usize, BusUnavailable> {
        if ids.is_empty() {
            return Ok(0);
        }
        match &self.transport {
            Transport::InProcess(process) => Ok(lock(&process.inboxes).acknowledge(inbox, ids)),
            Transport::Redis(redis) => redis.acknowledge(inbox, ids).await,
        }
    }

    /// Reassigns the entries that the consumer `dead` received and did not acknowledge. Only the
    /// caller knows that it is dead.
    pub async fn claim(
        &self,
        inbox: &str,
        dead: &str,
        consumer: &str,
    ) -> Result<Vec<InboxEntry>, BusUnavailable> {
        match &self.transport {
            Transport::InProcess(process) => {
                Ok(lock(&process.inboxes).claim(inbox, dead, consumer))
            }
            Transport::Redis(redis) => redis.claim(inbox, dead, consumer).await,
        }
    }

    /// Counts `count` against a rate that all workers share, or returns how long to wait. Without a
    /// server, the database counts: see `services::shared_limits`.
    pub async fn try_acquire(
        &self,
        name: &str,
        count: u32,
        rate: RateLimit,
    ) -> Result<RateLimitOutcome, BusUnavailable> {
        match &self.transport {
            Transport::InProcess(_) => Err(BusUnavailable),
            Transport::Redis(redis) => redis.try_acquire(name, count, rate).await,
        }
    }

    /// Pauses `name` for a time from now, unless it is already paused for longer.
    pub async fn pause(&self, name: &str, pause: Duration) -> Result<(), BusUnavailable> {
        match &self.transport {
            Transport::InProcess(_) => Err(BusUnavailable),
            Transport::Redis(redis) => redis.pause(name, pause).await,
        }
    }

    /// Returns the remaining pause of `name`, if any.
    pub async fn remaining_pause(&self, name: &str) -> Result<Option<Duration>, BusUnavailable> {
        match &self.transport {
            Transport::InProcess(_) => Err(BusUnavailable),
            Transport::Redis(redis) => redis.remaining_pause(name).await,
        }
    }

    /// Returns a cached value that has not expired.
    pub async fn get(&self, key: &str) -> Option<String> {
        match &self.transport {
            Transport::InProcess(process) => lock(&process.cache).get(key, Instant::now()),
            // A cache miss makes the caller ask elsewhere.
            Transport::Redis(redis) => redis.get(key).await.ok().flatten(),
        }
    }

    /// Caches a value for a time. A value over 64 KiB, or one for which the server has no room, is
    /// not cached.
    pub async fn put(&self, key: &str, value: &str, time_to_live: Duration) {
        if value.len() > MAX_VALUE_BYTES {
            return;
        }
        match &self.transport {
            Transport::InProcess(process) => {
                lock(&process.cache).put(key, value, time_to_live, Instant::now());
            }
            Transport::Redis(redis) => redis.put(key, value, time_to_live).await,
        }
    }

    /// Returns the number of the connection to the server, which each new connection increments, or
    /// `None` without a connection. After a change, the server's data may be gone.
    pub fn connection_generation(&self) -> Option<u64> {
        match &self.transport {
            Transport::InProcess(_) => None,
            Transport::Redis(redis) => redis.connection_generation(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

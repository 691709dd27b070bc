//! The bus between processes: it carries news, wakes, and counts what all workers share. The
//! database is the truth; losing the bus loses nothing.
//!
//! By default it is inside the process. With `bus.url` it is a Redis server (6.2 or later), where
//! everything has names of this installation only.

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

/// Tells others what was committed, and holds what all workers share for a while.
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

/// What the bus holds where there is no server.
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

    /// Connects to a Redis server, where everything is named after the installation. It must be
    /// called in a tokio runtime; the connection is kept up there until the last clone is dropped.
    ///
    /// # Errors
    /// What is wrong with the server, except that one that is merely away is waited for where
    /// `when_away` says so.
    pub async fn open(
        server: RedisServer,
        installation: Uuid,
        when_away: OnUnavailable,
    ) -> Result<Self, BusError> {
        let ears = Listeners::new();
        let redis = RedisBus::open(server, installation, when_away, ears.clone()).await?;
        Ok(Self {
            listeners: ears,
            transport: Transport::Redis(Arc::new(redis)),
        })
    }

    /// Returns a listener that hears what is told from now on, by whichever process.
    pub fn subscribe(&self) -> BusListener {
        self.listeners.subscribe()
    }

    /// Tells every listener of every process, those of this one first and exactly once.
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

    /// Tells the listeners of this process only: for what another way brought here.
    pub fn notify_local(&self, heard: BusSignal) {
        self.listeners.notify(heard);
    }

    /// Puts a text into an inbox. An inbox has room for the last 1,000.
    pub async fn send(&self, inbox: &str, text: &str) -> Result<(), BusUnavailable> {
        match &self.transport {
            Transport::InProcess(process) => {
                lock(&process.inboxes).send(inbox, text);
                Ok(())
            }
            Transport::Redis(redis) => redis.send(inbox, text).await,
        }
    }

    /// Takes at most `most` texts out of an inbox, oldest first. They are the consumer's until it
    /// acknowledges them; no other consumer receives them.
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

    /// Says that entries are done with; returns how many of them were not before.
    pub async fn acknowledge(&self, inbox: &str, ids: &[String]) -> Result<usize, BusUnavailable> {
        if ids.is_empty() {
            return Ok(0);
        }
        match &self.transport {
            Transport::InProcess(process) => Ok(lock(&process.inboxes).acknowledge(inbox, ids)),
            Transport::Redis(redis) => redis.acknowledge(inbox, ids).await,
        }
    }

    /// Hands over what the consumer `dead` received and did not acknowledge. Only the caller knows
    /// that it is dead.
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

    /// Counts `count` against a rate that all workers share, or says how long to wait. Without a
    /// server that is the database's: see `services::limits`.
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

    /// Parks what is called `name` for a time from now, unless it is parked for longer already.
    pub async fn pause(&self, name: &str, pause: Duration) -> Result<(), BusUnavailable> {
        match &self.transport {
            Transport::InProcess(_) => Err(BusUnavailable),
            Transport::Redis(redis) => redis.pause(name, pause).await,
        }
    }

    /// Returns for how long `name` is still parked; nothing where it is not.
    pub async fn remaining_pause(&self, name: &str) -> Result<Option<Duration>, BusUnavailable> {
        match &self.transport {
            Transport::InProcess(_) => Err(BusUnavailable),
            Transport::Redis(redis) => redis.remaining_pause(name).await,
        }
    }

    /// Returns a value that was put into the cache and has not expired.
    pub async fn get(&self, key: &str) -> Option<String> {
        match &self.transport {
            Transport::InProcess(process) => lock(&process.cache).get(key, Instant::now()),
            // Whoever finds nothing in a cache asks elsewhere.
            Transport::Redis(redis) => redis.get(key).await.ok().flatten(),
        }
    }

    /// Keeps a value for a time. One that is too large (64 KiB), or for which there is no room, is
    /// not kept.
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

    /// Returns the number of the connection to the server, which rises with each new one; nothing
    /// while there is none. After a change, what was kept there may be gone.
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

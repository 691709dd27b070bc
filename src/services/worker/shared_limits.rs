//! Rates and pauses that all workers of the installation share: on the bus if it has a server,
//! otherwise in the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::DataStore;
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_store::{StoreError, rate_limits};

#[derive(Debug, Clone)]
pub struct SharedLimits {
    data: DataStore,
    /// The connection on which each pause was last compared with the database.
    synced: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl SharedLimits {
    /// Returns the limits of an installation.
    pub fn new(data: DataStore) -> Self {
        Self {
            data,
            synced: Arc::default(),
        }
    }

    /// Counts `count` against the rate `name`, or returns how long to wait before the next attempt.
    /// If the server becomes unavailable, the database starts to count from zero.
    pub async fn try_acquire(
        &self,
        name: &str,
        count: u32,
        rate: RateLimit,
    ) -> Result<RateLimitOutcome, StoreError> {
        if let Ok(turn) = self.data.bus.try_acquire(name, count, rate).await {
            return Ok(turn);
        }
        let mut tx = self.data.store.begin_write().await?;
        let turn = rate_limits::try_acquire(&mut tx, name, count, rate, self.data.now()).await?;
        tx.commit().await?;
        Ok(turn)
    }

    /// Pauses `name` for a time from now, unless it is already paused for longer.
    pub async fn pause(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        // Both, because either may be asked next.
        if self.data.bus.pause(name, pause).await.is_err() {
            self.lock_synced().remove(name);
        }
        let mut tx = self.data.store.begin_write().await?;
        rate_limits::pause(&mut tx, name, pause, self.data.now()).await?;
        tx.commit().await
    }

    /// Returns the remaining pause of `name`, if any.
    pub async fn remaining_pause(&self, name: &str) -> Result<Option<Duration>, StoreError> {
        if self.sync_pause(name).await?
            && let Ok(left) = self.data.bus.remaining_pause(name).await
        {
            return Ok(left);
        }
        self.stored_pause(name).await
    }

    /// Copies the pause from the database to the server once per connection, because the server may
    /// have lost its data. Returns whether a server knows it.
    async fn sync_pause(&self, name: &str) -> Result<bool, StoreError> {
        let Some(connection) = self.data.bus.connection_generation() else {
            return Ok(false);
        };
        if self.lock_synced().get(name) == Some(&connection) {
            return Ok(true);
        }
        if let Some(left) = self.stored_pause(name).await?
            && self.data.bus.pause(name, left).await.is_err()
        {
            return Ok(false);
        }
        self.lock_synced().insert(name.to_owned(), connection);
        Ok(true)
    }

    async fn stored_pause(&self, name: &str) -> Result<Option<Duration>, StoreError> {
        let mut tx = self.data.begin_read().await?;
        rate_limits::remaining_pause(&mut tx, name, self.data.now()).await
    }

    fn lock_synced(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

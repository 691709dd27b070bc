//! Rates and pauses that all workers of the installation share: on the bus where it has a server,
//! else in the database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Desk;
use eklavya_core::domain::rate::{Rate, Turn};
use eklavya_store::{StoreError, rate_limits};

/// Rates and pauses that all workers share.
#[derive(Debug, Clone)]
pub struct Limits {
    desk: Desk,
    /// The connection to the server on which each pause was last compared with the database.
    compared: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Limits {
    /// Returns the limits of an installation.
    pub fn new(desk: Desk) -> Self {
        Self {
            desk,
            compared: Arc::default(),
        }
    }

    /// Counts `count` against the rate called `name`, or says how long to wait before asking again.
    /// Where the server goes away in between, the database begins to count anew.
    pub async fn take(&self, name: &str, count: u32, rate: Rate) -> Result<Turn, StoreError> {
        if let Ok(turn) = self.desk.bus.take(name, count, rate).await {
            return Ok(turn);
        }
        let mut tx = self.desk.store.write().await?;
        let turn = rate_limits::take(&mut tx, name, count, rate, self.desk.now()).await?;
        tx.commit().await?;
        Ok(turn)
    }

    /// Parks what is called `name` for a time from now, unless it is parked for longer already.
    pub async fn park(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        // Both, since either may be the one that is asked next.
        if self.desk.bus.park(name, pause).await.is_err() {
            self.compared().remove(name);
        }
        let mut tx = self.desk.store.write().await?;
        rate_limits::park(&mut tx, name, pause, self.desk.now()).await?;
        tx.commit().await
    }

    /// Returns for how long `name` is still parked; nothing where it is not.
    pub async fn parked(&self, name: &str) -> Result<Option<Duration>, StoreError> {
        if self.compare(name).await?
            && let Ok(left) = self.desk.bus.parked(name).await
        {
            return Ok(left);
        }
        self.parked_in_database(name).await
    }

    /// Tells a server once on each connection what the database knows: it may have come back empty.
    /// Returns whether there is a server that knows it.
    async fn compare(&self, name: &str) -> Result<bool, StoreError> {
        let Some(connection) = self.desk.bus.connection() else {
            return Ok(false);
        };
        if self.compared().get(name) == Some(&connection) {
            return Ok(true);
        }
        if let Some(left) = self.parked_in_database(name).await?
            && self.desk.bus.park(name, left).await.is_err()
        {
            return Ok(false);
        }
        self.compared().insert(name.to_owned(), connection);
        Ok(true)
    }

    async fn parked_in_database(&self, name: &str) -> Result<Option<Duration>, StoreError> {
        let mut tx = self.desk.read().await?;
        rate_limits::parked(&mut tx, name, self.desk.now()).await
    }

    fn compared(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The limit of requests in a minute: whoever comes over it waits for its turn.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use eklavya_core::domain::rate::{Rate, Turn};
use eklavya_services::limits::Limits;

/// The turns of all requests to an endpoint, of all workers.
#[derive(Debug)]
pub(super) struct Turns {
    /// Who is first in this process; the lock lets them in as they came.
    first: Mutex<()>,
    limits: Limits,
    name: String,
    rate: Rate,
}

impl Turns {
    pub fn new(limits: Limits, name: String, per_minute: u32) -> Self {
        Self {
            first: Mutex::default(),
            limits,
            name,
            rate: Rate::per_minute(per_minute),
        }
    }

    /// Returns the time between two turns.
    pub fn pace(&self) -> Duration {
        self.rate.interval
    }

    /// Waits for a turn; false where there is none before `latest`. Where this is cancelled, no turn
    /// is used up.
    pub async fn next(&self, latest: Instant) -> bool {
        let Ok(_first) = tokio::time::timeout_at(latest, self.first.lock()).await else {
            return false;
        };
        loop {
            match self.limits.take(&self.name, 1, self.rate).await {
                Ok(Turn::Granted) => return true,
                Ok(Turn::Wait(time)) if Instant::now() + time > latest => return false,
                Ok(Turn::Wait(time)) => tokio::time::sleep(time).await,
                Err(error) => {
                    // Where the database is away, no money can be held either, which is told there.
                    tracing::debug!(%error, "a request cannot be counted");
                    return true;
                }
            }
        }
    }
}

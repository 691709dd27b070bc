//! The limit on requests per minute; a request that exceeds it waits for its turn.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_services::shared_limits::SharedLimits;

/// The turns of requests to one endpoint, over all workers.
#[derive(Debug)]
pub(crate) struct RequestRate {
    /// The order in this process: the lock is fair.
    queue: Mutex<()>,
    limits: SharedLimits,
    name: String,
    rate: RateLimit,
}

impl RequestRate {
    pub fn new(limits: SharedLimits, name: String, per_minute: u32) -> Self {
        Self {
            queue: Mutex::default(),
            limits,
            name,
            rate: RateLimit::per_minute(per_minute),
        }
    }

    /// Returns the time between two turns.
    pub fn interval(&self) -> Duration {
        self.rate.interval
    }

    /// Waits for a turn; returns false if there is none before `latest`. A cancelled call uses no
    /// turn.
    pub async fn acquire(&self, latest: Instant) -> bool {
        let Ok(_first) = tokio::time::timeout_at(latest, self.queue.lock()).await else {
            return false;
        };
        loop {
            match self.limits.try_acquire(&self.name, 1, self.rate).await {
                Ok(RateLimitOutcome::Granted) => return true,
                Ok(RateLimitOutcome::Wait(time)) if Instant::now() + time > latest => return false,
                Ok(RateLimitOutcome::Wait(time)) => tokio::time::sleep(time).await,
                Err(error) => {
                    // If the database is unreachable, reservations fail as well and report the
                    // error.
                    tracing::debug!(%error, "cannot count a request");
                    return true;
                }
            }
        }
    }
}

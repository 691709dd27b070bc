//! The limit of requests in a minute: whoever comes over it waits for its turn.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_services::shared_limits::SharedLimits;

/// The turns of all requests to an endpoint, of all workers.
#[derive(Debug)]
pub(crate) struct RequestRate {
    /// Who is first in this process; the lock lets them in as they came.
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

    /// Waits for a turn; false where there is none before `latest`. Where this is cancelled, no turn
    /// is used up.
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
                    // Where the database is away, no money can be held either, which is told there.
                    tracing::debug!(%error, "a request cannot be counted");
                    return true;
                }
            }
        }
    }
}

//! Insisting on what must be written down while the database is away.

use std::time::{Duration, Instant};

/// The first pause between two tries; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(2);

/// How long something is tried again.
#[derive(Debug)]
pub struct Backoff {
    begun: Instant,
    max_elapsed: Duration,
    next: Duration,
}

impl Backoff {
    /// Returns one that lasts as long as `patience` from now on.
    pub fn new(patience: Duration) -> Self {
        Self {
            begun: Instant::now(),
            max_elapsed: patience,
            next: FIRST_DELAY,
        }
    }

    /// Waits until the next try; false, at once, where there is none.
    pub async fn wait(&mut self) -> bool {
        if self.begun.elapsed() >= self.max_elapsed {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(MAX_DELAY);
        true
    }
}

//! Insisting on what must be written down while the database is away.

use std::time::{Duration, Instant};

/// The first pause between two tries; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// How long something is tried again.
#[derive(Debug)]
pub struct Insistence {
    begun: Instant,
    patience: Duration,
    next: Duration,
}

impl Insistence {
    /// Returns one that lasts as long as `patience` from now on.
    pub fn new(patience: Duration) -> Self {
        Self {
            begun: Instant::now(),
            patience,
            next: FIRST,
        }
    }

    /// Waits until the next try; false, at once, where there is none.
    pub async fn pause(&mut self) -> bool {
        if self.begun.elapsed() >= self.patience {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}

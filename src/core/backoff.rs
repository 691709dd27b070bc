//! Exponential backoff: pauses that double after each failure, up to a limit.

use std::time::{Duration, Instant};

use rand::RngExt;

/// The pauses between the attempts of one operation.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: bool,
    failures: u32,
}

impl Backoff {
    /// Returns a backoff that pauses for `first` after the first failure and for at most `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            jitter: false,
            failures: 0,
        }
    }

    /// Adds up to a quarter to each pause, at random, so that many clients do not retry at once.
    pub const fn with_jitter(self) -> Self {
        Self {
            jitter: true,
            ..self
        }
    }

    /// Returns the pause that follows `failures` earlier pauses.
    pub fn pause_after(&self, failures: u32) -> Duration {
        let pause = self.first.saturating_mul(1 << failures.min(31));
        let pause = pause.min(self.longest);
        if self.jitter {
            pause + pause.mul_f64(rand::rng().random_range(0.0..0.25))
        } else {
            pause
        }
    }

    /// Waits for the next pause. A cancelled wait does not count as a failure.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.pause_after(self.failures)).await;
        self.failures = self.failures.saturating_add(1);
    }

    /// Returns how many pauses have ended since the last reset.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Starts again with the first pause. Returns whether there had been a failure.
    pub fn reset(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// Limits the backoff to `timeout` from now.
    pub fn until(self, timeout: Duration) -> BoundedBackoff {
        BoundedBackoff {
            backoff: self,
            started: Instant::now(),
            timeout,
        }
    }
}

/// A [`Backoff`] that gives up after a timeout.
#[derive(Debug)]
pub struct BoundedBackoff {
    backoff: Backoff,
    started: Instant,
    timeout: Duration,
}

impl BoundedBackoff {
    /// Waits for the next pause and returns true, or returns false at once if the timeout has
    /// passed.
    pub async fn wait(&mut self) -> bool {
        if self.started.elapsed() >= self.timeout {
            return false;
        }
        self.backoff.wait().await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [0, 1, 2, 3, 4, 5, 31, u32::MAX];
        let pauses = pauses.map(|failures| SECONDS.pause_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15, 15]);
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        let backoff = SECONDS.with_jitter();
        for _ in 0..100 {
            let pause = backoff.pause_after(2).as_secs_f64();
            assert!((4.0..5.0).contains(&pause), "{pause}");
        }
    }

    #[tokio::test]
    async fn a_wait_counts_as_a_failure_until_the_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        assert!(!backoff.reset());
        backoff.wait().await;
        assert_eq!(backoff.failures(), 1);
        assert!(backoff.reset());
        assert_eq!(backoff.failures(), 0);
    }

    #[tokio::test]
    async fn a_cancelled_wait_does_not_count() {
        let mut backoff = SECONDS;
        let timeout = Duration::from_millis(1);
        assert!(tokio::time::timeout(timeout, backoff.wait()).await.is_err());
        assert_eq!(backoff.failures(), 0);
    }

    #[tokio::test]
    async fn a_bounded_backoff_gives_up() {
        assert!(!SECONDS.until(Duration::ZERO).wait().await);
    }
}

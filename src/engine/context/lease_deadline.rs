//! How long a lease is certainly held, without asking the database.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the lease was last acquired or renewed, by a monotonic clock.
///
/// Until a term has passed since then, no other worker can take over the project. This guards the
/// files, which unlike the database have no fence.
#[derive(Debug)]
pub(crate) struct LeaseDeadline {
    term: Duration,
    renewed_at: Mutex<Instant>,
}

impl LeaseDeadline {
    /// Returns the deadline of a lease that was requested at `requested_at`.
    pub(crate) fn new(term: Duration, requested_at: Instant) -> Self {
        Self {
            term,
            renewed_at: Mutex::new(requested_at),
        }
    }

    /// Returns how long one acquisition or renewal lasts.
    pub(crate) fn term(&self) -> Duration {
        self.term
    }

    /// Records the success of a renewal that was requested at `requested_at`.
    pub(crate) fn record_renewal(&self, requested_at: Instant) {
        *self
            .renewed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = requested_at;
    }

    /// Returns how much longer the lease is certainly held; zero if it may be lost.
    pub(crate) fn remaining(&self) -> Duration {
        let renewed = *self
            .renewed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.term.saturating_sub(renewed.elapsed())
    }
}

//! How certain a worker is of its lease without asking the database.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the lease was taken or renewed last, by a clock that never jumps.
///
/// While that is less than a term ago, nobody can have taken the project over. It guards what no
/// transaction can: files, which have no fence.
#[derive(Debug)]
pub(crate) struct LeaseDeadline {
    term: Duration,
    renewed_at: Mutex<Instant>,
}

impl LeaseDeadline {
    /// Returns the grip on a lease that was asked for at `begun`.
    pub fn new(term: Duration, begun: Instant) -> Self {
        Self {
            term,
            renewed_at: Mutex::new(begun),
        }
    }

    /// Returns for how long the lease is taken at a time.
    pub fn term(&self) -> Duration {
        self.term
    }

    /// Notes that a renewal that was begun at this moment succeeded.
    pub fn record_renewal(&self, begun: Instant) {
        *self
            .renewed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = begun;
    }

    /// Returns for how long the lease is certain; zero where it is not.
    pub fn remaining(&self) -> Duration {
        let renewed = *self
            .renewed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.term.saturating_sub(renewed.elapsed())
    }
}

//! How certain a worker is of its lease without asking the database.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the lease was taken or renewed last, by a clock that never jumps.
///
/// While that is less than a term ago, nobody can have taken the project over. It guards what no
/// transaction can: files, which have no fence.
#[derive(Debug)]
pub(super) struct Grip {
    term: Duration,
    renewed: Mutex<Instant>,
}

impl Grip {
    /// Returns the grip on a lease that was asked for at `begun`.
    pub fn new(term: Duration, begun: Instant) -> Self {
        Self {
            term,
            renewed: Mutex::new(begun),
        }
    }

    /// Returns for how long the lease is taken at a time.
    pub fn term(&self) -> Duration {
        self.term
    }

    /// Notes that a renewal that was begun at this moment succeeded.
    pub fn renewed(&self, begun: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }

    /// Returns for how long the lease is certain; zero where it is not.
    pub fn left(&self) -> Duration {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.term.saturating_sub(renewed.elapsed())
    }
}

//! The only place that reads the wall clock; other code receives a [`Clock`].

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;

use jiff::Timestamp;

/// A source of the current time.
pub trait Clock: Debug + Send + Sync {
    /// Returns the current UTC time, truncated to microseconds, the precision of both databases.
    fn now(&self) -> Timestamp;
}

/// A clock that all parts of a process share.
pub type SharedClock = Arc<dyn Clock>;

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    fn now(&self) -> Timestamp {
        whole_microseconds(Timestamp::now())
    }
}

/// A clock that stands still until it is set; for tests and rehearsals.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// Returns a clock that shows `now` until [`FixedClock::set`] changes it.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(whole_microseconds(now)))
    }

    pub fn set(&self, now: Timestamp) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = whole_microseconds(now);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn whole_microseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(moment.as_microsecond()).unwrap_or(moment)
}

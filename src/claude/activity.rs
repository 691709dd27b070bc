//! Signs of life of one agent, fed by its stream and by its gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

/// The last sign of life of an agent, shared between those who see one.
///
/// The fields are plain atomics, so that a part that cannot know this type (the gateway) can hold
/// them too. Whoever watches for silence asks only whether `last` changed: a jump of the wall
/// clock is therefore neither life nor silence.
#[derive(Debug, Clone, Default)]
pub struct AgentActivity {
    /// When something was last heard, in microseconds since 1970 UTC.
    pub last_seen_us: Arc<AtomicI64>,
    /// Whether the agent is held back on purpose (a rate limit, a pause): silence does not count.
    pub paused: Arc<AtomicBool>,
}

impl AgentActivity {
    /// Notes a sign of life at `now`.
    pub fn touch(&self, now: Timestamp) {
        self.last_seen_us
            .store(now.as_microsecond(), Ordering::Relaxed);
    }

    /// Returns the last sign of life, in microseconds since 1970 UTC; 0 before the first.
    pub fn last_seen_us(&self) -> i64 {
        self.last_seen_us.load(Ordering::Relaxed)
    }

    /// Sets whether silence is excused.
    pub fn set_paused(&self, parked: bool) {
        self.paused.store(parked, Ordering::Relaxed);
    }

    /// Returns whether silence is excused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }
}

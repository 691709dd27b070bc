//! Signs of life of one agent, recorded by its stream and by its gateway door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

/// The time of an agent's last sign of life, shared between its writers and readers.
///
/// The fields are plain atomics, so that a crate that does not know this type (the gateway) can
/// share them. A silence check compares only whether the value changed: a jump of the wall clock is
/// neither life nor silence.
#[derive(Debug, Clone, Default)]
pub struct AgentActivity {
    /// The last sign of life, in microseconds since the Unix epoch.
    pub last_seen_us: Arc<AtomicI64>,
    /// Whether the agent is held back on purpose (a rate limit, a pause), so that silence does not
    /// count.
    pub paused: Arc<AtomicBool>,
}

impl AgentActivity {
    /// Records a sign of life at `now`.
    pub fn touch(&self, now: Timestamp) {
        self.last_seen_us
            .store(now.as_microsecond(), Ordering::Relaxed);
    }

    /// Returns the last sign of life, in microseconds since the Unix epoch; 0 before the first.
    pub fn last_seen_us(&self) -> i64 {
        self.last_seen_us.load(Ordering::Relaxed)
    }

    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }
}

//! Counting what passes, and noticing when nothing does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::EgressLimits;

/// What has passed through one connection.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    /// Milliseconds from the start to the last byte.
    last: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    most: Option<u64>,
    /// Told when more than that has passed.
    full: Notify,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the agent.
    Up,
    /// To the agent.
    Down,
}

/// Why a connection was ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Spent {
    /// Nothing passed.
    #[error("nothing passed for {} s", .0.as_secs())]
    Idle(Duration),
    /// It was open too long.
    #[error("it was open for {} s", .0.as_secs())]
    Time(Duration),
    /// Too much passed.
    #[error("more than {0} bytes passed")]
    Bytes(u64),
}

impl Meter {
    /// Begins to count; more than `most` bytes are too many.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            most,
            full: Notify::new(),
        }
    }

    pub(super) fn add(&self, way: Way, bytes: usize) {
        let counter = match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last.store(self.millis(), Ordering::Relaxed);
        if self.over().is_some() {
            self.full.notify_one();
        }
    }

    pub(super) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    /// Returns the milliseconds since the start.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns that too much has passed, where it has.
    pub(super) fn over(&self) -> Option<Spent> {
        let most = self.most.filter(|most| self.up() + self.down() > *most);
        most.map(Spent::Bytes)
    }

    /// Waits until a limit is reached.
    pub(super) async fn spent(&self, limits: &EgressLimits) -> Spent {
        const LOOK: Duration = Duration::from_secs(1);
        loop {
            let now = Duration::from_millis(self.millis());
            let quiet =
                now.saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)));
            if quiet >= limits.idle {
                return Spent::Idle(limits.idle);
            }
            if now >= limits.total {
                return Spent::Time(limits.total);
            }
            if let Some(spent) = self.over() {
                return spent;
            }
            // A fast connection takes gigabytes between two looks.
            tokio::select! {
                () = self.full.notified() => {}
                () = tokio::time::sleep(LOOK.min(limits.idle).min(limits.total)) => {}
            }
        }
    }
}

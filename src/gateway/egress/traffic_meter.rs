//! Counts the bytes of a connection and detects an idle one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::decision::config::EgressLimits;

/// The traffic of one connection.
#[derive(Debug)]
pub(crate) struct TrafficMeter {
    start: Instant,
    /// Milliseconds from the start to the last byte.
    last_byte_ms: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
    max_bytes: Option<u64>,
    /// Notified when the byte limit is exceeded.
    bytes_exceeded: Notify,
}

/// Direction of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrafficDirection {
    Up,
    Down,
}

/// Why the gateway ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitReached {
    #[error("the connection was idle for {} s", .0.as_secs())]
    Idle(Duration),
    #[error("the connection was open for {} s", .0.as_secs())]
    Time(Duration),
    #[error("the connection carried more than {0} bytes")]
    Bytes(u64),
}

impl TrafficMeter {
    /// Starts counting; `most` is the byte limit.
    pub(crate) fn new(most: Option<u64>) -> Self {
        Self {
            start: Instant::now(),
            last_byte_ms: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            max_bytes: most,
            bytes_exceeded: Notify::new(),
        }
    }

    pub(crate) fn add(&self, way: TrafficDirection, bytes: usize) {
        let counter = match way {
            TrafficDirection::Up => &self.up,
            TrafficDirection::Down => &self.down,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        self.last_byte_ms
            .store(self.elapsed_ms(), Ordering::Relaxed);
        if self.exceeded_bytes().is_some() {
            self.bytes_exceeded.notify_one();
        }
    }

    pub(crate) fn bytes_up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the limit if its bytes are exceeded.
    pub(crate) fn exceeded_bytes(&self) -> Option<LimitReached> {
        let most = self
            .max_bytes
            .filter(|most| self.bytes_up() + self.bytes_down() > *most);
        most.map(LimitReached::Bytes)
    }

    pub(crate) async fn wait_for_limit(&self, limits: &EgressLimits) -> LimitReached {
        const LOOK: Duration = Duration::from_secs(1);
        loop {
            let now = Duration::from_millis(self.elapsed_ms());
            let quiet = now.saturating_sub(Duration::from_millis(
                self.last_byte_ms.load(Ordering::Relaxed),
            ));
            if quiet >= limits.idle {
                return LimitReached::Idle(limits.idle);
            }
            if now >= limits.total {
                return LimitReached::Time(limits.total);
            }
            if let Some(spent) = self.exceeded_bytes() {
                return spent;
            }
            // A fast connection carries gigabytes between two timer checks, so the byte limit
            // notifies.
            tokio::select! {
                () = self.bytes_exceeded.notified() => {}
                () = tokio::time::sleep(LOOK.min(limits.idle).min(limits.total)) => {}
            }
        }
    }
}

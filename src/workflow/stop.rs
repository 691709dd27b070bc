//! Stopping: softly first, then hard.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Why the work is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The admin paused or archived the project.
    Paused,
    /// Another worker took the project over.
    LeaseLost,
}

/// The two-step stop of a piece of work: at `soft` agents are interrupted and checkpointed, at
/// `hard` they are killed.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    soft: CancellationToken,
    hard: CancellationToken,
    reason: Arc<Mutex<Option<StopReason>>>,
}

impl Stop {
    /// Asks for a soft stop; the first reason stands.
    pub fn softly(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.soft.cancel();
    }

    /// Asks for a hard stop.
    pub fn hard(&self, reason: StopReason) {
        self.softly(reason);
        self.hard.cancel();
    }

    /// Returns why the work is to stop, if it is.
    pub fn reason(&self) -> Option<StopReason> {
        self.lock().clone()
    }

    /// Whether the work is to stop, softly or hard.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Ends when a soft stop is asked for.
    pub async fn soft_requested(&self) {
        self.soft.cancelled().await;
    }

    /// Ends when a hard stop is asked for.
    pub async fn hard_requested(&self) {
        self.hard.cancelled().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<StopReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

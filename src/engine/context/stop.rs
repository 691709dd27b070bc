//! Stopping work in three steps: drain, interrupt, kill.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eklavya_core::failure_kind::FailureKind;
use tokio_util::sync::CancellationToken;

/// Why work stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The admin paused or archived the project.
    Paused,
    /// Another worker took over the project.
    LeaseLost,
    /// The database went away: nothing can be written.
    StoreUnavailable,
    /// The background worker is shutting down.
    Drained,
    /// The admin cancelled the job.
    Cancelled,
}

impl StopReason {
    pub(crate) fn failure_kind(self) -> FailureKind {
        match self {
            StopReason::Interrupted | StopReason::Drained | StopReason::Cancelled => {
                FailureKind::Interrupted
            }
            StopReason::Paused | StopReason::LeaseLost => FailureKind::WrongState,
            StopReason::StoreUnavailable => FailureKind::Environment,
        }
    }
}

/// A request to stop a piece of work, in three steps. After `drain`, agents finish their attempt and
/// no agent starts; after `interrupt`, agents are interrupted and checkpointed; after `kill`, they
/// are killed.
#[derive(Debug, Clone, Default)]
pub struct StopRequest {
    drain: CancellationToken,
    interrupt: CancellationToken,
    kill: CancellationToken,
    reason: Arc<Mutex<Option<StopReason>>>,
    parent: Option<Box<StopRequest>>,
}

impl StopRequest {
    /// Returns the request for a part of the work. The part stops with the whole, and can also be
    /// stopped alone.
    pub(crate) fn child(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            interrupt: self.interrupt.child_token(),
            kill: self.kill.child_token(),
            reason: Arc::default(),
            parent: Some(Box::new(self.clone())),
        }
    }

    /// Requests that nothing new starts. The first reason is kept.
    pub(crate) fn drain(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.drain.cancel();
    }

    /// Requests that agents are interrupted. The first reason is kept.
    pub fn interrupt(&self, reason: StopReason) {
        self.drain(reason);
        self.interrupt.cancel();
    }

    /// Requests that agents are killed. A lost lease or an unavailable database replaces an earlier
    /// reason, because then nothing can be written.
    pub fn kill(&self, reason: StopReason) {
        if matches!(reason, StopReason::LeaseLost | StopReason::StoreUnavailable) {
            *self.lock() = Some(reason);
        }
        self.interrupt(reason);
        self.kill.cancel();
    }

    /// Returns why the work stops, if a stop was requested.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        let own = *self.lock();
        own.or_else(|| self.parent.as_ref().and_then(|whole| whole.reason()))
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_cancelled()
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// Completes when `drain` is requested.
    pub(crate) async fn drain_requested(&self) {
        self.drain.cancelled().await;
    }

    /// Completes when `interrupt` is requested.
    pub(crate) async fn interrupt_requested(&self) {
        self.interrupt.cancelled().await;
    }

    /// Completes when `kill` is requested.
    pub(crate) async fn kill_requested(&self) {
        self.kill.cancelled().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<StopReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_request_stops_alone_or_with_its_parent() {
        let whole = StopRequest::default();
        let (one, two) = (whole.child(), whole.child());
        one.kill(StopReason::StoreUnavailable);
        assert_eq!(
            (one.reason(), two.reason()),
            (Some(StopReason::StoreUnavailable), None)
        );
        assert!(!whole.is_interrupted() && !two.is_interrupted());
        whole.interrupt(StopReason::Interrupted);
        assert_eq!(two.reason(), Some(StopReason::Interrupted));
        assert!(two.is_interrupted());
        two.interrupt(StopReason::Paused);
        two.kill(StopReason::LeaseLost);
        assert_eq!(two.reason(), Some(StopReason::LeaseLost));
    }
}

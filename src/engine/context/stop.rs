//! Stopping: first by beginning nothing new, then softly, then hard.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Why the work is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The admin paused or archived the project.
    Paused,
    /// Another worker took the project over.
    LeaseLost,
    /// The database went away: nothing can be written down.
    StoreUnavailable,
    /// The background worker is to end.
    Drained,
    /// The admin cancelled the job.
    Cancelled,
}

/// The stop of a piece of work, in three steps: when it drains, agents come to the end of their
/// attempt and no other begins; at `soft` agents are interrupted and checkpointed, at `hard` they
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
    /// Returns the stop of a part of the work: it stops with the whole, and can be stopped alone.
    pub fn child(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            interrupt: self.interrupt.child_token(),
            kill: self.kill.child_token(),
            reason: Arc::default(),
            parent: Some(Box::new(self.clone())),
        }
    }

    /// Asks to begin nothing new; the first reason stands.
    pub fn drain(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.drain.cancel();
    }

    /// Asks for a soft stop; the first reason stands.
    pub fn interrupt(&self, reason: StopReason) {
        self.drain(reason);
        self.interrupt.cancel();
    }

    /// Asks for a hard stop. That nothing can be written any more counts more than what was asked
    /// before.
    pub fn kill(&self, reason: StopReason) {
        if matches!(reason, StopReason::LeaseLost | StopReason::StoreUnavailable) {
            *self.lock() = Some(reason);
        }
        self.interrupt(reason);
        self.kill.cancel();
    }

    /// Returns why the work is to stop, if it is.
    pub fn reason(&self) -> Option<StopReason> {
        let own = *self.lock();
        own.or_else(|| self.parent.as_ref().and_then(|whole| whole.reason()))
    }

    /// Whether agents are to be interrupted.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_cancelled()
    }

    /// Whether agents are to be killed.
    pub(crate) fn is_killed(&self) -> bool {
        self.kill.is_cancelled()
    }

    /// Ends when nothing new is to begin.
    pub async fn drain_requested(&self) {
        self.drain.cancelled().await;
    }

    /// Ends when a soft stop is asked for.
    pub async fn interrupt_requested(&self) {
        self.interrupt.cancelled().await;
    }

    /// Ends when a hard stop is asked for.
    pub async fn kill_requested(&self) {
        self.kill.cancelled().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<StopReason>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stops_alone_and_with_the_whole() {
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

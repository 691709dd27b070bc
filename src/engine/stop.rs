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
    StoreAway,
    /// The background worker is to end.
    Drained,
    /// The admin cancelled the job.
    Cancelled,
}

/// The stop of a piece of work, in three steps: when it drains, agents come to the end of their
/// attempt and no other begins; at `soft` agents are interrupted and checkpointed, at `hard` they
/// are killed.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    reason: Arc<Mutex<Option<StopReason>>>,
    whole: Option<Box<Stop>>,
}

impl Stop {
    /// Returns the stop of a part of the work: it stops with the whole, and can be stopped alone.
    pub fn part(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            soft: self.soft.child_token(),
            hard: self.hard.child_token(),
            reason: Arc::default(),
            whole: Some(Box::new(self.clone())),
        }
    }

    /// Asks to begin nothing new; the first reason stands.
    pub fn drain(&self, reason: StopReason) {
        self.lock().get_or_insert(reason);
        self.drain.cancel();
    }

    /// Asks for a soft stop; the first reason stands.
    pub fn softly(&self, reason: StopReason) {
        self.drain(reason);
        self.soft.cancel();
    }

    /// Asks for a hard stop. That nothing can be written any more counts more than what was asked
    /// before.
    pub fn hard(&self, reason: StopReason) {
        if matches!(reason, StopReason::LeaseLost | StopReason::StoreAway) {
            *self.lock() = Some(reason);
        }
        self.softly(reason);
        self.hard.cancel();
    }

    /// Returns why the work is to stop, if it is.
    pub fn reason(&self) -> Option<StopReason> {
        let own = *self.lock();
        own.or_else(|| self.whole.as_ref().and_then(|whole| whole.reason()))
    }

    /// Whether agents are to be interrupted.
    pub(super) fn is_soft(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Whether agents are to be killed.
    pub(super) fn is_hard(&self) -> bool {
        self.hard.is_cancelled()
    }

    /// Ends when nothing new is to begin.
    pub async fn drain_requested(&self) {
        self.drain.cancelled().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stops_alone_and_with_the_whole() {
        let whole = Stop::default();
        let (one, two) = (whole.part(), whole.part());
        one.hard(StopReason::StoreAway);
        assert_eq!(
            (one.reason(), two.reason()),
            (Some(StopReason::StoreAway), None)
        );
        assert!(!whole.is_soft() && !two.is_soft());
        whole.softly(StopReason::Interrupted);
        assert_eq!(two.reason(), Some(StopReason::Interrupted));
        assert!(two.is_soft());
        two.softly(StopReason::Paused);
        two.hard(StopReason::LeaseLost);
        assert_eq!(two.reason(), Some(StopReason::LeaseLost));
    }
}

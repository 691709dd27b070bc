//! How a background worker shuts down: it drains, then interrupts its agents, then kills them.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{ActiveJob, WorkerLoop};
use crate::context::stop::StopReason;
use crate::jobs::events::WorkerEvent;
use eklavya_services::workers;

/// How a background worker is asked to shut down.
#[derive(Debug, Clone, Default)]
pub struct WorkerShutdown {
    /// Take no more jobs, and let agents finish their attempt.
    pub drain: CancellationToken,
    /// Kill the agents.
    pub hard: CancellationToken,
}

impl WorkerLoop {
    /// Takes no more jobs, and lets agents finish their attempt until the drain timeout.
    pub(super) async fn start_draining(&mut self) {
        self.drain_deadline = Some(Instant::now() + self.spec.drain_timeout);
        self.record.draining = true;
        (self.on_event)(WorkerEvent::Draining {
            jobs: self.active_jobs.len(),
            within: self.spec.drain_timeout,
        });
        for active in self.active_jobs.values() {
            active.stop.drain(StopReason::Drained);
        }
        if let Err(error) = workers::heartbeat(self.factory.data(), &mut self.record).await {
            tracing::warn!("cannot record that the worker drains: {error}");
        }
    }

    pub(super) fn has_uninterrupted_jobs(&self) -> bool {
        let is_uninterrupted = |active: &ActiveJob| !active.stop.is_interrupted();
        self.active_jobs.values().any(is_uninterrupted)
    }

    pub(super) fn interrupt_jobs(&self) {
        for active in self.active_jobs.values() {
            active.stop.interrupt(StopReason::Drained);
        }
    }

    pub(super) fn are_jobs_killed(&self) -> bool {
        let mut active = self.active_jobs.values();
        active.all(|active| active.stop.is_killed())
    }

    pub(super) fn kill_jobs(&self) {
        for active in self.active_jobs.values() {
            active.stop.kill(StopReason::Drained);
        }
    }
}

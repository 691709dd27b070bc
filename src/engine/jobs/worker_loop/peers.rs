//! What a background worker observes of other workers: which have died, and which projects they hold.

use std::collections::BTreeSet;

use super::WorkerLoop;
use crate::context::project_run::ObservedLease;
use crate::jobs::events::WorkerEvent;
use eklavya_core::ids::ProjectId;
use eklavya_core::job::JobState;
use eklavya_core::lease::Lease;
use eklavya_core::lease::monitor::LeaseAvailability;
use eklavya_services::jobs::{self, QueueSnapshot};
use eklavya_services::{ServiceError, workers};
use eklavya_store::workers::WorkerRecord;

impl WorkerLoop {
    /// Queues the jobs of dead workers again, and deregisters those workers.
    pub(super) async fn reap_dead_workers(
        &mut self,
        snapshot: &QueueSnapshot,
    ) -> Result<(), ServiceError> {
        let mut dead = self.liveness.dead_workers(&snapshot.workers);
        dead.remove(&self.record.name);
        let lost = self.observe_leases(snapshot);
        for job in jobs::requeue_lost(self.data(), snapshot, &dead, &lost).await? {
            if let JobState::Queued {
                reason: Some(reason),
                ..
            } = &job.state
            {
                (self.on_event)(WorkerEvent::JobRequeued { job: &job, reason });
            }
        }
        for name in &dead {
            workers::deregister(self.data(), name, "it died").await?;
        }
        Ok(())
    }

    /// Updates what is known of other workers' leases on projects with open jobs. Returns the
    /// projects whose job belongs to a worker that can no longer hold its lease.
    fn observe_leases(&mut self, snapshot: &QueueSnapshot) -> BTreeSet<ProjectId> {
        let leases = self.leases_of_others(snapshot);
        self.observed_leases
            .retain(|project, _| leases.iter().any(|lease| lease.project == *project));
        self.held_elsewhere.clear();
        let mut lost = BTreeSet::new();
        for lease in leases {
            match self.observe_lease(lease, snapshot) {
                LeaseAvailability::Held { .. } => {
                    self.held_elsewhere.insert(lease.project);
                }
                LeaseAvailability::Free => {}
                LeaseAvailability::Abandoned => {
                    if is_held_by_job_owner(lease, snapshot) {
                        lost.insert(lease.project);
                    }
                }
            }
        }
        lost
    }

    fn leases_of_others<'a>(&self, snapshot: &'a QueueSnapshot) -> Vec<&'a Lease> {
        let is_own = |lease: &&Lease| {
            let mut own = self.active_jobs.values();
            own.any(|active| active.project.id == lease.project)
        };
        let has_open_job = |lease: &&Lease| {
            let mut open = snapshot.open.iter();
            open.any(|job| job.project == lease.project)
        };
        let leases = snapshot.leases.iter();
        leases
            .filter(|lease| has_open_job(lease) && !is_own(lease))
            .collect()
    }

    fn observe_lease(&mut self, lease: &Lease, snapshot: &QueueSnapshot) -> LeaseAvailability {
        let observed = self.observed_leases.entry(lease.project);
        let observed = observed.or_insert_with(ObservedLease::starting_now);
        let is_holder_dead = self.spec.identity.is_holder_dead(lease);
        let elapsed = observed.observed_since.elapsed();
        observed
            .watch
            .observe(elapsed, lease, snapshot.now, is_holder_dead)
    }
}

/// Whether the process of the worker that has the project's job holds the lease. If another process
/// holds it, the worker may be about to take it over itself.
fn is_held_by_job_owner(lease: &Lease, snapshot: &QueueSnapshot) -> bool {
    let Some(holder) = &lease.holder else {
        return false;
    };
    let is_holder = |worker: &&WorkerRecord| {
        worker.host == holder.host
            && worker.pid == holder.pid
            && worker.process_start == holder.process_start
    };
    let Some(worker) = snapshot.workers.iter().find(is_holder) else {
        return false;
    };
    snapshot.open.iter().any(|job| {
        let owner = job.state.worker().map(|(name, _)| name);
        job.project == lease.project && owner == Some(worker.name.as_str())
    })
}

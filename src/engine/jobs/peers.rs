//! What a background worker knows of the others: who has died, and which projects are in other hands.

use std::collections::BTreeSet;

use crate::context::project_run::ObservedLease;
use crate::jobs::worker_loop::{Hands, WorkerEvent, WorkerLoop};
use eklavya_core::ids::ProjectId;
use eklavya_core::job::JobState;
use eklavya_core::lease::Lease;
use eklavya_core::lease::monitor::LeaseAvailability;
use eklavya_services::jobs::{self, QueueSnapshot};
use eklavya_services::{ServiceError, workers};
use eklavya_store::workers::WorkerRecord;

impl<H: Hands> WorkerLoop<H> {
    /// Puts the jobs of dead workers back into the queue, and strikes those workers off.
    pub(crate) async fn reap_dead_workers(
        &mut self,
        look: &QueueSnapshot,
    ) -> Result<(), ServiceError> {
        let mut dead = self.liveness.dead_workers(&look.workers);
        dead.remove(&self.record.name);
        let lost = self.observe_leases(look);
        for job in jobs::requeue_lost(&self.spec.data, look, &dead, &lost).await? {
            if let JobState::Queued {
                reason: Some(reason),
                ..
            } = &job.state
            {
                self.hands
                    .report_event(WorkerEvent::JobRequeued { job: &job, reason });
            }
        }
        for name in &dead {
            workers::deregister(&self.spec.data, name, "it died").await?;
        }
        Ok(())
    }

    /// Goes on watching the leases of others that stand in the way of an open job. Returns the
    /// projects whose job is of a worker that can no longer hold its lease.
    pub(super) fn observe_leases(&mut self, look: &QueueSnapshot) -> BTreeSet<ProjectId> {
        let own = |lease: &Lease| {
            self.active_jobs
                .values()
                .any(|w| w.project.id == lease.project)
        };
        let wanted = |lease: &Lease| look.open.iter().any(|job| job.project == lease.project);
        let leases = look.leases.iter();
        let leases: Vec<&Lease> = leases
            .filter(|lease| wanted(lease) && !own(lease))
            .collect();
        self.observed_leases
            .retain(|project, _| leases.iter().any(|lease| lease.project == *project));
        self.held_elsewhere.clear();
        let mut lost = BTreeSet::new();
        for lease in leases {
            let watched = self.observed_leases.entry(lease.project);
            let watched = watched.or_insert_with(ObservedLease::starting_now);
            let dead = self.spec.identity.is_holder_dead(lease);
            let at = watched.observed_since.elapsed();
            match watched.watch.observe(at, lease, look.now, dead) {
                LeaseAvailability::Held { .. } => {
                    self.held_elsewhere.insert(lease.project);
                }
                LeaseAvailability::Free => {}
                LeaseAvailability::Abandoned => {
                    if is_held_by_job_owner(lease, look) {
                        lost.insert(lease.project);
                    }
                }
            }
        }
        lost
    }
}

/// Whether the lease is held by the process of the worker that has the project's job. Else that
/// worker may just be about to take the lease over itself.
fn is_held_by_job_owner(lease: &Lease, look: &QueueSnapshot) -> bool {
    let Some(holder) = &lease.holder else {
        return false;
    };
    let is_holder = |row: &&WorkerRecord| {
        row.host == holder.host
            && row.pid == holder.pid
            && row.process_start == holder.process_start
    };
    let Some(row) = look.workers.iter().find(is_holder) else {
        return false;
    };
    look.open.iter().any(|job| {
        let worker = job.state.worker().map(|(worker, _)| worker);
        job.project == lease.project && worker == Some(row.name.as_str())
    })
}

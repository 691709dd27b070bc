//! What a background worker knows of the others: who has died, and which projects are in other hands.

use std::collections::BTreeSet;

use super::{Crew, CrewNews, Hands};
use crate::worker::Watched;
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::job::JobState;
use eklavya_core::domain::lease::Lease;
use eklavya_core::domain::lease_watch::Verdict;
use eklavya_services::jobs::{self, Look};
use eklavya_services::{ServiceError, workers};
use eklavya_store::workers::WorkerRow;

impl<H: Hands> Crew<H> {
    /// Puts the jobs of dead workers back into the queue, and strikes those workers off.
    pub(super) async fn bury_the_dead(&mut self, look: &Look) -> Result<(), ServiceError> {
        let mut dead = self.watch.dead(&look.workers);
        dead.remove(&self.row.name);
        let lost = self.watch_leases(look);
        for job in jobs::take_back(&self.spec.desk, look, &dead, &lost).await? {
            if let JobState::Queued {
                reason: Some(reason),
                ..
            } = &job.state
            {
                self.hands.tell(CrewNews::TakenBack { job: &job, reason });
            }
        }
        for name in &dead {
            workers::strike_off(&self.spec.desk, name, "it died").await?;
        }
        Ok(())
    }

    /// Goes on watching the leases of others that stand in the way of an open job. Returns the
    /// projects whose job is of a worker that can no longer hold its lease.
    fn watch_leases(&mut self, look: &Look) -> BTreeSet<ProjectId> {
        let own = |lease: &Lease| self.at_work.values().any(|w| w.project.id == lease.project);
        let wanted = |lease: &Lease| look.open.iter().any(|job| job.project == lease.project);
        let leases = look.leases.iter();
        let leases: Vec<&Lease> = leases
            .filter(|lease| wanted(lease) && !own(lease))
            .collect();
        self.leases
            .retain(|project, _| leases.iter().any(|lease| lease.project == *project));
        self.held.clear();
        let mut lost = BTreeSet::new();
        for lease in leases {
            let watched = self.leases.entry(lease.project);
            let watched = watched.or_insert_with(Watched::from_now);
            let dead = self.spec.identity.knows_dead(lease);
            let at = watched.since.elapsed();
            match watched.watch.observe(at, lease, look.now, dead) {
                Verdict::Wait { .. } => {
                    self.held.insert(lease.project);
                }
                Verdict::Free => {}
                Verdict::Take => {
                    if is_of_its_worker(lease, look) {
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
fn is_of_its_worker(lease: &Lease, look: &Look) -> bool {
    let Some(holder) = &lease.holder else {
        return false;
    };
    let is_holder = |row: &&WorkerRow| {
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

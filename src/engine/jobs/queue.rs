//! How a background worker takes jobs, and what it hears of those that it has.

use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::context::paths::DataDirectoryPaths;
use crate::context::stop::{StopReason, StopRequest};
use crate::jobs::worker_loop::{
    ActiveJob, HEARTBEAT, Hands, JobAssignment, WorkerEvent, WorkerLoop,
};
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobState};
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_services::jobs::{self, QueueSnapshot};
use eklavya_services::{ServiceError, projects, workers};

impl<H: Hands> WorkerLoop<H> {
    /// Writes down how jobs ended; what cannot be written is tried again in the next round.
    pub(crate) async fn settle_finished_jobs(&mut self) -> Result<(), ServiceError> {
        while let Some(unsettled) = self.unsettled.last() {
            // Where another worker has taken the job over, there is nothing to be said any more.
            jobs::end_attempt(&self.spec.data, &unsettled.job, &unsettled.event).await?;
            self.unsettled.pop();
        }
        Ok(())
    }

    /// Looks at who is there and what became of the jobs: those of dead workers go back, and those
    /// that were cancelled here are stopped.
    pub(crate) async fn refresh(&mut self) -> Result<(), ServiceError> {
        let now = Instant::now();
        if now.duration_since(self.last_heartbeat) >= HEARTBEAT {
            workers::heartbeat(&self.spec.data, &mut self.record).await?;
            self.last_heartbeat = now;
        }
        let look = jobs::read_snapshot(&self.spec.data).await?;
        self.reap_dead_workers(&look).await?;
        self.stop_cancelled_jobs(&look);
        self.jobs_left = self.has_queued_jobs(&look.open).await?;
        Ok(())
    }

    pub(super) fn stop_cancelled_jobs(&self, look: &QueueSnapshot) {
        for job in look.open.iter().filter(|job| is_cancelled(job)) {
            let own = self.active_jobs.values().find(|work| work.job.id == job.id);
            if let Some(work) = own {
                work.stop.interrupt(StopReason::Cancelled);
            }
        }
    }

    /// Takes as many jobs as there are hands for. Returns whether it took any.
    pub(crate) async fn claim_jobs(&mut self) -> Result<bool, ServiceError> {
        let mut took = false;
        while self.jobs_left && self.drain_deadline.is_none() && self.has_free_capacity() {
            let passed_over = self.skipped_projects();
            let fits = |project: &Project| self.has_project_files(project);
            let taken = jobs::claim(&self.spec.data, &self.record.name, &passed_over, fits).await?;
            let Some((job, project)) = taken else {
                break;
            };
            self.start_job(job, project);
            took = true;
        }
        Ok(took)
    }

    pub(super) fn has_free_capacity(&self) -> bool {
        self.active_jobs.len() < self.spec.capacity as usize
    }

    pub(super) fn start_job(&mut self, job: Job, project: Project) {
        self.hands.report_event(WorkerEvent::JobStarted {
            job: &job,
            project: &project,
        });
        let (hands, stop) = (self.hands.clone(), StopRequest::default());
        let order = JobAssignment {
            job: job.clone(),
            project: project.clone(),
            stop: stop.clone(),
            observed_lease: self.observed_leases.get(&project.id).cloned(),
        };
        let work = async move { hands.run_job(order).await };
        let id = self.tasks.spawn(work).id();
        self.active_jobs
            .insert(id, ActiveJob { job, project, stop });
    }

    /// Returns the projects whose jobs are not to be taken now.
    pub(super) fn skipped_projects(&mut self) -> BTreeSet<ProjectId> {
        let now = Instant::now();
        self.resting_until.retain(|_, until| *until > now);
        let own = self.active_jobs.values().map(|work| work.project.id);
        let others = self
            .resting_until
            .keys()
            .chain(&self.held_elsewhere)
            .copied();
        others.chain(own).collect()
    }

    /// Whether the project was begun here, or nowhere yet.
    pub(super) fn has_project_files(&self, project: &Project) -> bool {
        let paths = DataDirectoryPaths::new(&self.spec.home).project(project);
        project.state.stage() == Some(ProjectStage::Created) || paths.repository().exists()
    }

    /// Whether a queued job is left that this worker could take sooner or later. Those that it never
    /// can are told of, once.
    pub(crate) async fn has_queued_jobs(&mut self, open: &[Job]) -> Result<bool, ServiceError> {
        let is_queued = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        let queued = open.iter().filter(is_queued);
        let queued: BTreeSet<ProjectId> = queued.map(|job| job.project).collect();
        if queued.is_empty() {
            return Ok(false);
        }
        let mut left = false;
        for project in projects::list(&self.spec.data).await? {
            if !queued.contains(&project.id) || is_paused_or_archived(&project) {
                continue;
            }
            if self.has_project_files(&project) {
                left = true;
            } else if self.reported_as_skipped.insert(project.id) {
                let reason = "its files are not in this data directory";
                self.hands.report_event(WorkerEvent::ProjectSkipped {
                    project: &project,
                    reason,
                });
            }
        }
        Ok(left)
    }
}

/// Whether the admin wants nobody to work on the project.
fn is_paused_or_archived(project: &Project) -> bool {
    match project.state {
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => true,
        ProjectState::Active { .. } | ProjectState::Delivered { .. } => false,
    }
}

/// Whether the admin does not want the job any more.
fn is_cancelled(job: &Job) -> bool {
    matches!(job.state, JobState::Cancelling { .. })
}

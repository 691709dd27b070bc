//! How a background worker claims jobs, starts them, and writes their outcomes.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{ActiveJob, HEARTBEAT_INTERVAL, WorkerLoop};
use crate::context::paths::DataDirectoryPaths;
use crate::context::stop::{StopReason, StopRequest};
use crate::jobs::events::{JobAssignment, WorkerEvent};
use crate::jobs::runner::run_job;
use eklavya_core::ids::ProjectId;
use eklavya_core::job::{Job, JobState};
use eklavya_core::project::{Project, ProjectStage, ProjectState};
use eklavya_services::jobs::{self, QueueSnapshot};
use eklavya_services::{ServiceError, projects, workers};

impl WorkerLoop {
    /// Writes the outcomes of finished jobs. The next round retries what cannot be written.
    pub(super) async fn settle_finished_jobs(&mut self) -> Result<(), ServiceError> {
        while let Some(unsettled) = self.unsettled.last() {
            // If another worker has taken over the job, this has no effect.
            jobs::end_attempt(self.data(), &unsettled.job, &unsettled.event).await?;
            self.unsettled.pop();
        }
        Ok(())
    }

    /// Sends the heartbeat, queues the jobs of dead workers again, and stops cancelled jobs of this
    /// worker.
    pub(super) async fn refresh(&mut self) -> Result<(), ServiceError> {
        let now = Instant::now();
        if now.duration_since(self.last_heartbeat) >= HEARTBEAT_INTERVAL {
            workers::heartbeat(self.factory.data(), &mut self.record).await?;
            self.last_heartbeat = now;
        }
        let snapshot = jobs::read_snapshot(self.data()).await?;
        self.reap_dead_workers(&snapshot).await?;
        self.stop_cancelled_jobs(&snapshot);
        self.jobs_left = self.has_queued_jobs(&snapshot.open).await?;
        Ok(())
    }

    fn stop_cancelled_jobs(&self, snapshot: &QueueSnapshot) {
        for job in snapshot.open.iter().filter(|job| is_cancelled(job)) {
            let own = self.active_jobs.values().find(|own| own.job.id == job.id);
            if let Some(active) = own {
                active.stop.interrupt(StopReason::Cancelled);
            }
        }
    }

    /// Claims jobs until the capacity is used or no job is left. Returns whether it claimed any.
    pub(super) async fn claim_jobs(&mut self) -> Result<bool, ServiceError> {
        let mut claimed_any = false;
        while self.jobs_left && self.drain_deadline.is_none() && self.has_free_capacity() {
            let skipped = self.skipped_projects();
            let fits = |project: &Project| self.has_project_files(project);
            let claimed = jobs::claim(self.data(), &self.record.name, &skipped, fits).await?;
            let Some((job, project)) = claimed else {
                break;
            };
            self.start_job(job, project);
            claimed_any = true;
        }
        Ok(claimed_any)
    }

    fn has_free_capacity(&self) -> bool {
        self.active_jobs.len() < self.spec.capacity as usize
    }

    fn start_job(&mut self, job: Job, project: Project) {
        (self.on_event)(WorkerEvent::JobStarted {
            job: &job,
            project: &project,
        });
        let (factory, stop) = (self.factory.clone(), StopRequest::default());
        let assignment = JobAssignment {
            job: job.clone(),
            project: project.clone(),
            stop: stop.clone(),
            observed_lease: self.observed_leases.get(&project.id).cloned(),
        };
        let work = async move { run_job(&factory, assignment).await };
        let id = self.tasks.spawn(work).id();
        self.active_jobs
            .insert(id, ActiveJob { job, project, stop });
    }

    /// Returns the projects whose jobs must not be claimed now.
    fn skipped_projects(&mut self) -> BTreeSet<ProjectId> {
        let now = Instant::now();
        self.resting_until.retain(|_, until| *until > now);
        let own = self.active_jobs.values().map(|active| active.project.id);
        let resting = self.resting_until.keys().copied();
        let held = self.held_elsewhere.iter().copied();
        own.chain(resting).chain(held).collect()
    }

    /// Whether this data directory has the project's files, or no data directory has them yet.
    fn has_project_files(&self, project: &Project) -> bool {
        let paths = DataDirectoryPaths::new(&self.spec.home).project(project);
        project.state.stage() == Some(ProjectStage::Created) || paths.repository().exists()
    }

    /// Whether a queued job is left that this worker can take sooner or later. Reports each project
    /// whose jobs it can never take, once.
    pub(super) async fn has_queued_jobs(&mut self, open: &[Job]) -> Result<bool, ServiceError> {
        let is_queued = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        let queued = open.iter().filter(is_queued);
        let queued: BTreeSet<ProjectId> = queued.map(|job| job.project).collect();
        if queued.is_empty() {
            return Ok(false);
        }
        let mut left = false;
        for project in projects::list(self.data()).await? {
            if !queued.contains(&project.id) || is_paused_or_archived(&project) {
                continue;
            }
            if self.has_project_files(&project) {
                left = true;
            } else {
                self.report_skipped(&project);
            }
        }
        Ok(left)
    }

    fn report_skipped(&mut self, project: &Project) {
        if self.reported_as_skipped.insert(project.id) {
            let reason = "its files are not in this data directory";
            (self.on_event)(WorkerEvent::ProjectSkipped { project, reason });
        }
    }
}

fn is_paused_or_archived(project: &Project) -> bool {
    match project.state {
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => true,
        ProjectState::Active { .. } | ProjectState::Delivered { .. } => false,
    }
}

fn is_cancelled(job: &Job) -> bool {
    matches!(job.state, JobState::Cancelling { .. })
}

//! How a background worker takes jobs, and what it hears of those that it has.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{AtWork, Crew, CrewNews, HEARTBEAT, Hands, Order};
use crate::paths::Paths;
use crate::stop::{Stop, StopReason};
use eklavya_core::domain::ids::ProjectId;
use eklavya_core::domain::job::{Job, JobState};
use eklavya_core::domain::project::{Project, ProjectState, Stage};
use eklavya_services::jobs::{self, Look};
use eklavya_services::{ServiceError, projects, workers};

impl<H: Hands> Crew<H> {
    /// Writes down how jobs ended; what cannot be written is tried again in the next round.
    pub(super) async fn settle_all(&mut self) -> Result<(), ServiceError> {
        while let Some(unsettled) = self.unsettled.last() {
            // Where another worker has taken the job over, there is nothing to be said any more.
            jobs::settle(&self.spec.desk, &unsettled.job, &unsettled.event).await?;
            self.unsettled.pop();
        }
        Ok(())
    }

    /// Looks at who is there and what became of the jobs: those of dead workers go back, and those
    /// that were cancelled here are stopped.
    pub(super) async fn look(&mut self) -> Result<(), ServiceError> {
        let now = Instant::now();
        if now.duration_since(self.beaten) >= HEARTBEAT {
            workers::beat(&self.spec.desk, &mut self.row).await?;
            self.beaten = now;
        }
        let look = jobs::look(&self.spec.desk).await?;
        self.bury_the_dead(&look).await?;
        self.stop_cancelled(&look);
        self.left = self.is_anything_left(&look.open).await?;
        Ok(())
    }

    fn stop_cancelled(&self, look: &Look) {
        for job in look.open.iter().filter(|job| is_cancelled(job)) {
            let own = self.at_work.values().find(|work| work.job.id == job.id);
            if let Some(work) = own {
                work.stop.softly(StopReason::Cancelled);
            }
        }
    }

    /// Takes as many jobs as there are hands for. Returns whether it took any.
    pub(super) async fn take_jobs(&mut self) -> Result<bool, ServiceError> {
        let mut took = false;
        while self.left && self.drained_at.is_none() && self.has_a_free_hand() {
            let passed_over = self.passed_over();
            let fits = |project: &Project| self.has_its_files(project);
            let taken = jobs::claim(&self.spec.desk, &self.row.name, &passed_over, fits).await?;
            let Some((job, project)) = taken else {
                break;
            };
            self.start(job, project);
            took = true;
        }
        Ok(took)
    }

    fn has_a_free_hand(&self) -> bool {
        self.at_work.len() < self.spec.capacity as usize
    }

    fn start(&mut self, job: Job, project: Project) {
        self.hands.tell(CrewNews::Started {
            job: &job,
            project: &project,
        });
        let (hands, stop) = (self.hands.clone(), Stop::default());
        let order = Order {
            job: job.clone(),
            project: project.clone(),
            stop: stop.clone(),
            watched: self.leases.get(&project.id).cloned(),
        };
        let work = async move { hands.perform(order).await };
        let id = self.tasks.spawn(work).id();
        self.at_work.insert(id, AtWork { job, project, stop });
    }

    /// Returns the projects whose jobs are not to be taken now.
    fn passed_over(&mut self) -> BTreeSet<ProjectId> {
        let now = Instant::now();
        self.resting.retain(|_, until| *until > now);
        let own = self.at_work.values().map(|work| work.project.id);
        let others = self.resting.keys().chain(&self.held).copied();
        others.chain(own).collect()
    }

    /// Whether the project was begun here, or nowhere yet.
    fn has_its_files(&self, project: &Project) -> bool {
        let paths = Paths::new(&self.spec.home).project(project);
        project.state.stage() == Some(Stage::Created) || paths.repository().exists()
    }

    /// Whether a queued job is left that this worker could take sooner or later. Those that it never
    /// can are told of, once.
    pub(super) async fn is_anything_left(&mut self, open: &[Job]) -> Result<bool, ServiceError> {
        let is_queued = |job: &&Job| matches!(job.state, JobState::Queued { .. });
        let queued = open.iter().filter(is_queued);
        let queued: BTreeSet<ProjectId> = queued.map(|job| job.project).collect();
        if queued.is_empty() {
            return Ok(false);
        }
        let mut left = false;
        for project in projects::list(&self.spec.desk).await? {
            if !queued.contains(&project.id) || is_halted(&project) {
                continue;
            }
            if self.has_its_files(&project) {
                left = true;
            } else if self.strange.insert(project.id) {
                let reason = "its files are not in this data directory";
                self.hands.tell(CrewNews::PassedOver {
                    project: &project,
                    reason,
                });
            }
        }
        Ok(left)
    }
}

/// Whether the admin wants nobody to work on the project.
fn is_halted(project: &Project) -> bool {
    match project.state {
        ProjectState::Paused { .. } | ProjectState::Archived { .. } => true,
        ProjectState::Active { .. } | ProjectState::Delivered { .. } => false,
    }
}

/// Whether the admin does not want the job any more.
fn is_cancelled(job: &Job) -> bool {
    matches!(job.state, JobState::Cancelling { .. })
}

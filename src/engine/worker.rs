//! The worker: what a process needs to let agents work on one project.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, OnceCell};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::capacity::Capacity;
use super::error::WorkflowError;
use super::grip::Grip;
use super::site::Site;
use super::stop::Stop;
use super::{model, orphans};
use eklavya_claude::locate::ClaudeCli;
use eklavya_core::domain::lease::Tenure;
use eklavya_core::domain::lease_watch::Watch;
use eklavya_core::domain::project::Project;
use eklavya_gateway::{Gateway, Recorder};
use eklavya_services::costs::Costs;
use eklavya_services::leases::Worker as WorkerIdentity;
use eklavya_services::projects;

/// What a worker does where another one holds the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It gives up, unless a few seconds show that the other one is gone.
    Brief,
    /// It waits until the project is free, or the work is stopped.
    Waiting,
}

/// What a worker is made of, beside its site.
#[derive(Debug)]
pub struct WorkerSpec {
    /// The Claude Code CLI.
    pub cli: ClaudeCli,
    /// How the work is stopped.
    pub stop: Stop,
    /// Where the model's answers are recorded, if they are.
    pub recorder: Option<Arc<Recorder>>,
    /// What it does where another one holds the project.
    pub patience: Patience,
    /// The room for agents on this machine.
    pub capacity: Arc<Capacity>,
    /// What was seen of the project's lease before, and since when.
    pub watched: Option<Watched>,
}

/// A lease that was watched for a while, from the start of the watch on.
#[derive(Debug, Clone)]
pub struct Watched {
    /// When the watch began.
    pub since: Instant,
    /// What was seen.
    pub watch: Watch,
}

impl Watched {
    /// Returns a watch that begins now.
    pub fn from_now() -> Self {
        Self {
            since: Instant::now(),
            watch: Watch::default(),
        }
    }
}

/// A process at work on one project, or about to be.
#[derive(Debug)]
pub struct Worker {
    pub(super) site: Site,
    pub(super) costs: Costs,
    pub(super) cli: ClaudeCli,
    pub(super) identity: WorkerIdentity,
    pub(super) stop: Stop,
    pub(super) patience: Patience,
    pub(super) rehearsal: Option<String>,
    pub(super) capacity: Arc<Capacity>,
    /// How many of its agents wait for room.
    pub(super) waits: Mutex<u32>,
    pub(super) watched: Option<Watched>,
    /// One merge at a time: each is tested on top of the one before.
    pub(super) merging: Mutex<()>,
    /// Notes of what happened that are still being written down.
    pub(super) notes: TaskTracker,
    /// Told when an agent has handed out work.
    pub(super) spawned: Notify,
    gateway: OnceCell<Gateway>,
    recorder: Option<Arc<Recorder>>,
}

impl Worker {
    /// Makes a worker that can take up the work on a project with [`super::hold`].
    ///
    /// What agents of others left on this host, who have lost their projects since, is ended first.
    pub async fn start(spec: WorkerSpec, site: Site) -> Result<Self, WorkflowError> {
        let identity = WorkerIdentity::this();
        orphans::end_on_host(&site.desk, &identity.host).await?;
        site.sandbox.reap().await?;
        let rehearsal = model::rehearsal_of(&site.config, site.project());
        Ok(Self {
            costs: costs(&site),
            site,
            cli: spec.cli,
            identity,
            stop: spec.stop,
            patience: spec.patience,
            rehearsal,
            capacity: spec.capacity,
            waits: Mutex::default(),
            watched: spec.watched,
            merging: Mutex::new(()),
            notes: TaskTracker::new(),
            spawned: Notify::new(),
            gateway: OnceCell::new(),
            recorder: spec.recorder,
        })
    }

    /// Returns the worker as it works in a tenure: what it writes counts only while that lasts.
    pub(super) async fn in_tenure(
        &self,
        tenure: &Tenure,
        grip: Arc<Grip>,
    ) -> Result<Self, WorkflowError> {
        let site = self.site.fenced(tenure, grip).await?;
        Ok(Self {
            costs: costs(&site),
            site,
            cli: self.cli.clone(),
            identity: self.identity.clone(),
            stop: self.stop.part(),
            patience: self.patience,
            rehearsal: self.rehearsal.clone(),
            capacity: Arc::clone(&self.capacity),
            waits: Mutex::default(),
            watched: None,
            merging: Mutex::new(()),
            notes: TaskTracker::new(),
            spawned: Notify::new(),
            gateway: OnceCell::new(),
            recorder: self.recorder.clone(),
        })
    }

    /// Notes under which conditions the work is done.
    pub(super) async fn note_conditions(&self) -> Result<(), WorkflowError> {
        let project = self.site.reload().await?;
        let sandboxed = self.site.is_sandboxed();
        let rehearsal = self.rehearsal.clone();
        projects::note_conditions(&self.site.desk, &project, rehearsal, sandboxed).await?;
        Ok(())
    }

    /// Returns the door-keeper of the agents; it starts with the first of them, so that work without
    /// agents needs no model.
    ///
    /// # Errors
    /// A rehearsal or a price list that cannot be used, no credential for the model.
    pub(super) async fn gateway(&self) -> Result<&Gateway, WorkflowError> {
        let start = async || {
            let (rehearsal, recorder) = (self.rehearsal.as_deref(), self.recorder.clone());
            model::gateway(
                &self.site,
                &self.costs,
                rehearsal,
                &self.identity.name,
                recorder,
            )
            .await
        };
        self.gateway.get_or_try_init(start).await
    }

    /// Ends what goes on beside the work: all doors are closed, and what was spent and done is
    /// written down.
    pub(super) async fn close(&self) {
        if let Some(gateway) = self.gateway.get() {
            gateway.shutdown().await;
        }
        self.notes.close();
        self.notes.wait().await;
    }

    /// Returns the project as it stands now.
    pub async fn project(&self) -> Result<Project, WorkflowError> {
        self.site.reload().await
    }
}

fn costs(site: &Site) -> Costs {
    Costs::new(site.desk.clone(), model::default_limits(&site.config))
        .insisting(site.config.store_patience)
}

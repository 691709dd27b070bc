//! The worker: what a process needs to let agents work on one project.

use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use super::error::WorkflowError;
use super::model;
use super::site::Site;
use super::stop::Stop;
use crate::claude::locate::ClaudeCli;
use crate::domain::project::Project;
use crate::gateway::{Gateway, Recorder};
use crate::services::costs::Costs;
use crate::services::leases::Worker as WorkerIdentity;
use crate::services::projects;

/// What a worker is made of, beside its site.
#[derive(Debug)]
pub struct WorkerSpec {
    /// The Claude Code CLI.
    pub cli: ClaudeCli,
    /// How the work is stopped.
    pub stop: Stop,
    /// Where the model's answers are recorded, if they are.
    pub recorder: Option<Arc<Recorder>>,
}

/// A process at work on one project.
#[derive(Debug)]
pub struct Worker {
    pub(super) site: Site,
    pub(super) costs: Costs,
    pub(super) cli: ClaudeCli,
    pub(super) identity: WorkerIdentity,
    pub(super) stop: Stop,
    pub(super) rehearsal: Option<String>,
    /// One merge at a time: each is tested on top of the one before.
    pub(super) merging: Mutex<()>,
    gateway: OnceCell<Gateway>,
    recorder: Option<Arc<Recorder>>,
}

impl Worker {
    /// Takes up the work, and notes under which conditions it is done.
    pub async fn start(spec: WorkerSpec, site: Site) -> Result<Self, WorkflowError> {
        let identity = WorkerIdentity::this();
        let rehearsal = model::rehearsal_of(&site.config, site.project());
        let costs = Costs::new(site.desk.clone(), model::default_limits(&site.config));
        let project = site.reload().await?;
        let sandboxed = site.is_sandboxed();
        projects::note_conditions(&site.desk, &project, rehearsal.clone(), sandboxed).await?;
        Ok(Self {
            site,
            costs,
            cli: spec.cli,
            identity,
            stop: spec.stop,
            rehearsal,
            merging: Mutex::new(()),
            gateway: OnceCell::new(),
            recorder: spec.recorder,
        })
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
        };
        self.gateway.get_or_try_init(start).await
    }

    /// Returns the project as it stands now.
    pub async fn project(&self) -> Result<Project, WorkflowError> {
        self.site.reload().await
    }
}

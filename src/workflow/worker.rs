//! The worker: what a process needs to work on one project.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::WorkflowError;
use super::model;
use super::paths::{Paths, ProjectPaths};
use super::stop::Stop;
use crate::claude::locate::ClaudeCli;
use crate::config::Config;
use crate::domain::project::Project;
use crate::gateway::{Gateway, Recorder};
use crate::sandbox::{Isolation, Sandbox, User};
use crate::services::costs::Costs;
use crate::services::leases::Worker as WorkerIdentity;
use crate::services::{Desk, projects};
use crate::vcs::{Git, Identity, Repository, Signature};

/// What a worker is made of.
#[derive(Debug)]
pub struct WorkerSpec {
    /// The database, the clock and the bus.
    pub desk: Desk,
    /// The configuration.
    pub config: Config,
    /// The isolation in force.
    pub sandbox: Sandbox,
    /// Git.
    pub git: Git,
    /// The Claude Code CLI.
    pub cli: ClaudeCli,
    /// The `eklavya` program, for the processes that serve previews.
    pub exe: PathBuf,
    /// How the work is stopped.
    pub stop: Stop,
    /// Where the model's answers are recorded, if they are.
    pub recorder: Option<Arc<Recorder>>,
}

/// A process at work on one project.
#[derive(Debug)]
pub struct Worker {
    pub(super) desk: Desk,
    pub(super) costs: Costs,
    pub(super) config: Config,
    pub(super) paths: ProjectPaths,
    pub(super) repository: Repository,
    pub(super) sandbox: Sandbox,
    pub(super) cli: ClaudeCli,
    pub(super) gateway: Gateway,
    pub(super) identity: WorkerIdentity,
    pub(super) stop: Stop,
    pub(super) exe: PathBuf,
    pub(super) rehearsal: Option<String>,
    pub(super) user: Option<User>,
    /// One merge at a time: each is tested on top of the one before.
    pub(super) merging: Mutex<()>,
    project: Project,
}

impl Worker {
    /// Starts the gateway and opens the project's repository, which is made where there is none.
    ///
    /// # Errors
    /// A rehearsal or a price list that cannot be used, no credential for the model, no room.
    pub async fn start(spec: WorkerSpec, project: &Project) -> Result<Self, WorkflowError> {
        let identity = WorkerIdentity::this();
        let rehearsal = model::rehearsal_of(&spec.config, project);
        let costs = Costs::new(spec.desk.clone(), model::default_limits(&spec.config));
        let gateway = model::gateway(&spec, &costs, rehearsal.as_deref(), &identity.name)?;
        let sandboxed = *spec.sandbox.isolation() != Isolation::None;
        let project =
            projects::note_conditions(&spec.desk, project, rehearsal.clone(), sandboxed).await?;
        let paths = Paths::new(spec.config.home.path.as_std_path()).project(&project);
        std::fs::create_dir_all(&paths.root).map_err(WorkflowError::io(&paths.root))?;
        let repository = Repository::create(spec.git, &paths.repository()).await?;
        let uid = spec.config.sandbox.uid_base + project.number;
        let user = spec.sandbox.becomes(Some(User { uid, gid: uid }));
        Ok(Self {
            desk: spec.desk,
            costs,
            config: spec.config,
            paths,
            repository,
            sandbox: spec.sandbox,
            cli: spec.cli,
            gateway,
            identity,
            stop: spec.stop,
            exe: spec.exe,
            rehearsal,
            user,
            merging: Mutex::new(()),
            project,
        })
    }

    /// Returns the project as it stands now.
    pub async fn project(&self) -> Result<Project, WorkflowError> {
        Ok(projects::reload(&self.desk, &self.project).await?)
    }

    /// Returns the project as it stood when the work began: for what never changes.
    pub(super) fn subject(&self) -> &Project {
        &self.project
    }

    /// Whether processes are held by a sandbox.
    pub(super) fn is_sandboxed(&self) -> bool {
        *self.sandbox.isolation() != Isolation::None
    }

    /// Returns the orchestrator's signature at the present moment.
    pub(super) fn signature(&self) -> Signature {
        Identity::orchestrator().at(self.desk.now())
    }
}

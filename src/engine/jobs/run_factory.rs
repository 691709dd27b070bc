//! Opening sites and starting runs with the configuration of this process.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::isolation::open_isolation;
use crate::capacity::{Capacity, CapacityLimits};
use crate::context::error::EngineError;
use crate::context::project_run::{ObservedLease, OnLeased, ProjectRun, ProjectRunSpec};
use crate::context::site::{Site, SiteSpec, sandbox_user};
use crate::context::stop::StopRequest;
use eklavya_claude::cli::locate::{self, ClaudeCli, LocateError};
use eklavya_config::Config;
use eklavya_core::failure_kind::{FailureKind, message_with_causes};
use eklavya_core::project::Project;
use eklavya_core::project::isolation::IsolationKind;
use eklavya_gateway::{RehearsalRecorder, ScriptError};
use eklavya_git::{GitError, GitProgram};
use eklavya_sandbox::{Sandbox, SandboxError, SandboxUser};
use eklavya_services::DataStore;

/// Shows a warning to the person who runs the process.
pub(crate) type WarningSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What all runs of a process have in common.
#[derive(Clone)]
pub struct RunFactorySpec {
    pub data: DataStore,
    pub config: Config,
    /// The directories in which programs are looked for, as in `PATH`.
    pub search_path: String,
    /// Whether agents run without a sandbox.
    pub unsandboxed: bool,
    /// The `eklavya` program.
    pub program: PathBuf,
    pub warn: WarningSink,
}

impl fmt::Debug for RunFactorySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunFactorySpec")
            .field("home", &self.config.home)
            .field("search_path", &self.search_path)
            .field("unsandboxed", &self.unsandboxed)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// How one run starts.
#[derive(Debug)]
pub struct RunOptions {
    pub stop: StopRequest,
    pub on_leased: OnLeased,
    /// The file in which the model's answers are recorded as a rehearsal.
    pub recording: Option<PathBuf>,
    pub observed_lease: Option<ObservedLease>,
}

/// Why a site cannot be opened or a run cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RunStartError {
    #[error(transparent)]
    Cli(#[from] LocateError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot use the data directory {}: {source}", path.display())]
    DataDirectory { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Recording(#[from] ScriptError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl RunStartError {
    /// Returns the kind of failure that a command or a job reports.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Cli(_) | Self::Git(_) | Self::Sandbox(_) | Self::DataDirectory { .. } => {
                FailureKind::Environment
            }
            Self::Recording(error) => error.failure_kind(),
            Self::Engine(error) => error.failure_kind(),
        }
    }

    /// Returns the message with its causes, as a command or a job reports it.
    pub fn failure_message(&self) -> String {
        match self {
            Self::Engine(error) => error.failure_message(),
            other => message_with_causes(other),
        }
    }
}

/// Opens sites and starts runs. Its clones share one capacity, so that the agents of all runs of
/// this process queue together.
#[derive(Debug, Clone)]
pub struct RunFactory {
    spec: RunFactorySpec,
    capacity: Arc<Capacity>,
}

impl RunFactory {
    pub fn new(spec: RunFactorySpec) -> Self {
        let slots = spec.config.home.path.join("slots").into_std_path_buf();
        let limits = CapacityLimits::from_settings(&spec.config.worker);
        let clock = Arc::clone(&spec.data.clock);
        Self {
            capacity: Capacity::new(slots, limits, clock),
            spec,
        }
    }

    pub(super) fn data(&self) -> &DataStore {
        &self.spec.data
    }

    /// Checks that agents can run here, before a process starts that runs for a long time.
    ///
    /// # Errors
    /// The CLI, git or the sandbox is missing or unusable.
    pub async fn ensure_usable(&self) -> Result<(), RunStartError> {
        let (cli, git) = tokio::join!(self.locate_cli(), GitProgram::locate());
        cli?;
        git?;
        if !self.spec.unsandboxed {
            // The user of a project; each project has a user of its own.
            let uid = self.spec.config.sandbox.uid_base + 1;
            let user = SandboxUser { uid, gid: uid };
            self.open_isolation(None, user).await?;
        }
        Ok(())
    }

    /// Opens the site of `project` with its sandbox.
    pub async fn open_site(&self, project: &Project) -> Result<Site, RunStartError> {
        // Each runs programs that take time to answer, and neither needs the other's answer.
        let (sandbox, git) = tokio::join!(self.open_sandbox(project), GitProgram::locate());
        self.open_site_in(project, sandbox?, git?).await
    }

    /// Opens the site of `project` for work on its records and its repository, which starts no
    /// agent, test or preview.
    pub async fn open_site_without_sandbox(
        &self,
        project: &Project,
    ) -> Result<Site, RunStartError> {
        let sandbox = Sandbox::unsandboxed(self.spec.program.clone());
        let git = GitProgram::locate().await?;
        self.open_site_in(project, sandbox, git).await
    }

    /// Creates a run of `project`, which does not have the project's lease yet.
    pub async fn start_run(
        &self,
        project: &Project,
        options: RunOptions,
    ) -> Result<Arc<ProjectRun>, RunStartError> {
        let (cli, site) = tokio::join!(self.locate_cli(), self.open_site(project));
        let (cli, site) = (cli?, site?);
        let recorder = match &options.recording {
            Some(file) => Some(Arc::new(RehearsalRecorder::open(file)?)),
            None => None,
        };
        let spec = ProjectRunSpec {
            cli,
            stop: options.stop,
            recorder,
            on_leased: options.on_leased,
            capacity: Arc::clone(&self.capacity),
            observed_lease: options.observed_lease,
        };
        Ok(Arc::new(ProjectRun::start(spec, site).await?))
    }

    async fn locate_cli(&self) -> Result<ClaudeCli, LocateError> {
        let configured = self.spec.config.claude_path.as_ref();
        let configured = configured.map(|path| path.as_std_path());
        locate::locate_cli(configured, &self.search_directories()).await
    }

    fn search_directories(&self) -> Vec<PathBuf> {
        std::env::split_paths(&self.spec.search_path).collect()
    }

    async fn open_sandbox(&self, project: &Project) -> Result<Sandbox, RunStartError> {
        if self.spec.unsandboxed {
            (self.spec.warn)(
                "agents run WITHOUT a sandbox: they can read and change whatever you can",
            );
            return Ok(Sandbox::unsandboxed(self.spec.program.clone()));
        }
        let user = sandbox_user(&self.spec.config, project);
        self.open_isolation(project.isolation, user).await
    }

    async fn open_isolation(
        &self,
        choice: Option<IsolationKind>,
        user: SandboxUser,
    ) -> Result<Sandbox, RunStartError> {
        let (config, program) = (&self.spec.config, self.spec.program.clone());
        open_isolation(config, choice, &self.spec.search_path, program, user).await
    }

    async fn open_site_in(
        &self,
        project: &Project,
        sandbox: Sandbox,
        git: GitProgram,
    ) -> Result<Site, RunStartError> {
        let spec = SiteSpec {
            data: self.spec.data.clone(),
            config: self.spec.config.clone(),
            sandbox,
            git,
            exe: self.spec.program.clone(),
            search_directories: self.search_directories(),
        };
        Ok(Site::open(spec, project).await?)
    }
}

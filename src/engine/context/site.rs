//! A project's place on this machine: its repository, its directories, its sandboxes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::EngineError;
use super::paths::{DataDirectoryPaths, ProjectPaths};
use super::stop::StopReason;
use crate::context::lease_deadline::LeaseDeadline;
use crate::context::served_preview::ServedPreview;
use eklavya_config::Config;
use eklavya_core::lease::HeldLease;
use eklavya_core::project::Project;
use eklavya_core::secret::{SecretName, SecretUse};
use eklavya_git::{GitIdentity, GitProgram, GitSignature, ProjectRepository};
use eklavya_sandbox::browser::{self, BrowserError};
use eklavya_sandbox::docker::DockerSettings;
use eklavya_sandbox::{IsolationBackend, KernelRequirements, Sandbox, SandboxUser};
use eklavya_services::secrets::{self, SecretVault};
use eklavya_services::{DataStore, leases, projects};

/// What a site is made of.
#[derive(Debug)]
pub struct SiteSpec {
    /// The database, the clock and the bus.
    pub data: DataStore,
    /// The configuration.
    pub config: Config,
    /// The isolation in force.
    pub sandbox: Sandbox,
    /// Git.
    pub git: GitProgram,
    /// The `eklavya` program, for the processes that serve previews.
    pub exe: PathBuf,
    /// The directories in which a browser is looked for.
    pub search_directories: Vec<PathBuf>,
}

/// A project's place on this machine.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) data: DataStore,
    pub(crate) config: Config,
    pub(crate) paths: ProjectPaths,
    pub(crate) repository: ProjectRepository,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) exe: PathBuf,
    pub(crate) user: Option<SandboxUser>,
    /// What is served for those who verify.
    pub(crate) served_preview: ServedPreview,
    search_directories: Vec<PathBuf>,
    /// The sandbox of browsers, where that is not the one of agents; looked for once.
    browser_sandbox: Arc<OnceCell<Result<Arc<Sandbox>, String>>>,
    project: Project,
    lease_deadline: Option<Arc<LeaseDeadline>>,
}

impl Site {
    /// Opens the project's directories and repository, which are made where there are none.
    pub async fn open(spec: SiteSpec, project: &Project) -> Result<Self, EngineError> {
        let paths = DataDirectoryPaths::new(spec.config.home.path.as_std_path()).project(project);
        std::fs::create_dir_all(&paths.root).map_err(EngineError::io(&paths.root))?;
        // A worker that has been there for long learns of those that were set since.
        secrets::redact_all(&spec.data, &open_vault(&spec.config)).await?;
        let repository = ProjectRepository::create(spec.git, &paths.repository())
            .await?
            .with_redactor(spec.data.redactor().clone());
        let user = spec
            .sandbox
            .effective_user(Some(sandbox_user(&spec.config, project)));
        Ok(Self {
            data: spec.data,
            config: spec.config,
            paths,
            repository,
            sandbox: Arc::new(spec.sandbox),
            exe: spec.exe,
            user,
            served_preview: ServedPreview::default(),
            search_directories: spec.search_directories,
            browser_sandbox: Arc::default(),
            project: project.clone(),
            lease_deadline: None,
        })
    }

    /// Returns the site as a tenure works on it: nothing can be written to the database or to the
    /// repository once the tenure has lost its lease.
    pub(crate) async fn fenced(
        &self,
        tenure: &HeldLease,
        grip: Arc<LeaseDeadline>,
    ) -> Result<Self, EngineError> {
        // What killed operations left in the way of writing comes first.
        self.repository.remove_leftovers().await?;
        let repository = self.repository.raise_fence(tenure.fence).await?;
        Ok(Self {
            data: self.data.fenced(tenure.clone()),
            repository,
            lease_deadline: Some(grip),
            ..self.clone()
        })
    }

    /// Makes sure that the lease is held, before files that another tenure may have made its own are
    /// replaced or removed. The database is asked only where the term ran out.
    ///
    /// # Errors
    /// That the lease was lost.
    pub(crate) async fn ensure_lease_held(&self) -> Result<(), EngineError> {
        match &self.lease_deadline {
            Some(grip) if grip.remaining().is_zero() => self.renew_lease().await,
            Some(_) | None => Ok(()),
        }
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// That it was lost; that the database is away, also where it does not answer while the lease
    /// is certain.
    pub(crate) async fn renew_lease(&self) -> Result<(), EngineError> {
        let (Some(grip), Some(tenure)) = (&self.lease_deadline, self.data.held_lease()) else {
            return Ok(());
        };
        let begun = Instant::now();
        let renewing = leases::renew(&self.data, tenure, grip.term());
        // A process that was asleep for longer than a term gets its answer all the same.
        let longest = grip.remaining().max(grip.term() / 2);
        match tokio::time::timeout(longest, renewing).await {
            Ok(renewed) => renewed?,
            Err(_) => return Err(EngineError::Stopped(StopReason::StoreUnavailable)),
        }
        grip.record_renewal(begun);
        Ok(())
    }

    /// Returns the number of the tenure; 0 where there is none.
    pub(crate) fn fence(&self) -> i64 {
        self.data.held_lease().map_or(0, |tenure| tenure.fence)
    }

    /// Returns the project as it stood when the site was opened: for what never changes.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Returns the project as it stands now.
    pub async fn reload(&self) -> Result<Project, EngineError> {
        Ok(projects::reload(&self.data, &self.project).await?)
    }

    /// Returns the Chromium of this machine.
    pub(crate) fn locate_chromium(&self) -> Result<PathBuf, BrowserError> {
        if !self.config.browser.enabled {
            return Err(BrowserError::Off);
        }
        let configured = self.config.browser.path.as_ref();
        browser::locate_browser(
            configured.map(|path| path.as_std_path()),
            &self.search_directories,
        )
    }

    /// Returns the sandbox in which browsers run, and as whom. Where containers hold the agents, it
    /// is bubblewrap's all the same: images have no browser.
    pub(crate) async fn browser_sandbox(
        &self,
    ) -> Result<(Arc<Sandbox>, Option<SandboxUser>), BrowserError> {
        let user = Some(sandbox_user(&self.config, &self.project));
        let sandbox = match self.sandbox.isolation() {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => {
                Arc::clone(&self.sandbox)
            }
            IsolationBackend::Docker(_) => {
                let found = self
                    .browser_sandbox
                    .get_or_init(|| self.probe_bubblewrap(user))
                    .await;
                found.clone().map_err(BrowserError::InContainer)?
            }
        };
        let user = sandbox.effective_user(user);
        Ok((sandbox, user))
    }

    async fn probe_bubblewrap(&self, user: Option<SandboxUser>) -> Result<Arc<Sandbox>, String> {
        let search =
            std::env::join_paths(&self.search_directories).map_err(|error| error.to_string())?;
        let demands = KernelRequirements {
            landlock: self.config.sandbox.min_landlock_abi,
        };
        let found = Sandbox::probe_bubblewrap(&search, self.exe.clone(), user, demands).await;
        found.map(Arc::new).map_err(|error| error.to_string())
    }

    /// Whether processes are held by a sandbox.
    pub(crate) fn is_sandboxed(&self) -> bool {
        *self.sandbox.isolation() != IsolationBackend::None
    }

    /// Returns the project's secrets that are for `given`; whoever gets them hides them from now on.
    pub(crate) async fn secrets_for(
        &self,
        given: SecretUse,
    ) -> Result<Vec<(SecretName, SecretString)>, EngineError> {
        let vault = open_vault(&self.config);
        Ok(secrets::open_for_use(&self.data, &vault, &self.project, given).await?)
    }

    /// Returns the secrets of all projects as they are set now.
    pub(crate) async fn current_secrets(&self) -> Result<Vec<secrets::OpenedSecret>, EngineError> {
        let vault = open_vault(&self.config);
        Ok(secrets::open_all(&self.data, &vault, &self.project).await?)
    }

    /// Returns which Docker holds the processes, where that does.
    pub(crate) fn docker_settings(&self) -> Option<&DockerSettings> {
        match self.sandbox.isolation() {
            IsolationBackend::Docker(docker) => Some(docker.settings()),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => None,
        }
    }

    /// Returns what a container that works for the project is labelled with.
    pub(crate) fn container_labels(&self) -> BTreeMap<&'static str, String> {
        [
            ("project", self.project.slug.clone()),
            ("fence", self.fence().to_string()),
        ]
        .into()
    }

    /// Returns the orchestrator's signature at the present moment.
    pub(crate) fn signature(&self) -> GitSignature {
        GitIdentity::orchestrator().at(self.data.now())
    }

    /// Returns the head of main.
    pub(crate) async fn main_commit(
        &self,
    ) -> Result<eklavya_core::ids::commit::CommitId, EngineError> {
        let head = self.repository.branch_tip("main").await?;
        head.ok_or_else(|| EngineError::Failed("the repository has no main branch".to_owned()))
    }
}

fn open_vault(config: &Config) -> SecretVault {
    SecretVault::at(config.secret_key_path().as_std_path())
}

/// Returns the unprivileged user that a project's processes run as where the caller is root.
pub fn sandbox_user(config: &Config, project: &Project) -> SandboxUser {
    let uid = config.sandbox.uid_base + project.number;
    SandboxUser { uid, gid: uid }
}

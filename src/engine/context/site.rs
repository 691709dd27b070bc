//! A project on this machine: its repository, its directories, its sandboxes.

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

/// The parts of a site.
#[derive(Debug)]
pub(crate) struct SiteSpec {
    pub data: DataStore,
    pub config: Config,
    pub sandbox: Sandbox,
    pub git: GitProgram,
    /// The `eklavya` program, which serves previews.
    pub exe: PathBuf,
    /// The directories in which browsers and bubblewrap are looked for.
    pub search_directories: Vec<PathBuf>,
}

/// A project on this machine.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) data: DataStore,
    pub(crate) config: Config,
    pub(crate) paths: ProjectPaths,
    pub(crate) repository: ProjectRepository,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) exe: PathBuf,
    pub(crate) user: Option<SandboxUser>,
    /// The preview of the product under verification.
    pub(crate) served_preview: ServedPreview,
    search_directories: Vec<PathBuf>,
    /// The sandbox of browsers, if it is not that of agents; probed once.
    browser_sandbox: Arc<OnceCell<Result<Arc<Sandbox>, String>>>,
    project: Project,
    lease_deadline: Option<Arc<LeaseDeadline>>,
}

impl Site {
    /// Opens the project's directories and repository. Creates what does not exist.
    pub(crate) async fn open(spec: SiteSpec, project: &Project) -> Result<Self, EngineError> {
        let paths = DataDirectoryPaths::new(spec.config.home.path.as_std_path()).project(project);
        std::fs::create_dir_all(&paths.root).map_err(EngineError::io(&paths.root))?;
        // Secrets may have been set since this process started.
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

    /// Returns this site under `lease`: writes to the database and to the repository fail once the
    /// lease is lost.
    pub(crate) async fn fenced(
        &self,
        lease: &HeldLease,
        deadline: Arc<LeaseDeadline>,
    ) -> Result<Self, EngineError> {
        // Leftovers of killed git processes would block writes.
        self.repository.remove_leftovers().await?;
        let repository = self.repository.raise_fence(lease.fence).await?;
        Ok(Self {
            data: self.data.fenced(lease.clone()),
            repository,
            lease_deadline: Some(deadline),
            ..self.clone()
        })
    }

    /// Checks that the lease is held, before files are replaced or removed that another worker may be
    /// using. Asks the database only if the term has run out.
    ///
    /// # Errors
    /// The lease was lost.
    pub(crate) async fn ensure_lease_held(&self) -> Result<(), EngineError> {
        match &self.lease_deadline {
            Some(deadline) if deadline.remaining().is_zero() => self.renew_lease().await,
            Some(_) | None => Ok(()),
        }
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// The lease was lost, or the database is away: it also counts as away if it does not answer while
    /// the lease is certain.
    pub(crate) async fn renew_lease(&self) -> Result<(), EngineError> {
        let (Some(deadline), Some(lease)) = (&self.lease_deadline, self.data.held_lease()) else {
            return Ok(());
        };
        let requested_at = Instant::now();
        let renewing = leases::renew(&self.data, lease, deadline.term());
        // A process that was suspended for longer than a term still waits for the answer.
        let longest = deadline.remaining().max(deadline.term() / 2);
        match tokio::time::timeout(longest, renewing).await {
            Ok(renewed) => renewed?,
            Err(_) => return Err(EngineError::Stopped(StopReason::StoreUnavailable)),
        }
        deadline.record_renewal(requested_at);
        Ok(())
    }

    /// Returns the fence of the lease; 0 without a lease.
    pub(crate) fn fence(&self) -> i64 {
        self.data.held_lease().map_or(0, |lease| lease.fence)
    }

    /// Returns the project as it was when the site was opened. Use it only for what never changes.
    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    /// Reads the project from the database.
    pub(crate) async fn reload(&self) -> Result<Project, EngineError> {
        Ok(projects::reload(&self.data, &self.project).await?)
    }

    /// Returns the path of Chromium on this machine.
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

    /// Returns the sandbox in which browsers run, and its user. If agents run in containers, browsers
    /// still run in bubblewrap, because the images contain no browser.
    pub(crate) async fn browser_sandbox(
        &self,
    ) -> Result<(Arc<Sandbox>, Option<SandboxUser>), BrowserError> {
        let user = Some(sandbox_user(&self.config, &self.project));
        let sandbox = match self.sandbox.isolation() {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => {
                Arc::clone(&self.sandbox)
            }
            IsolationBackend::Docker(_) => {
                let probed = self
                    .browser_sandbox
                    .get_or_init(|| self.probe_bubblewrap(user))
                    .await;
                probed.clone().map_err(BrowserError::InContainer)?
            }
        };
        let user = sandbox.effective_user(user);
        Ok((sandbox, user))
    }

    async fn probe_bubblewrap(&self, user: Option<SandboxUser>) -> Result<Arc<Sandbox>, String> {
        let search =
            std::env::join_paths(&self.search_directories).map_err(|error| error.to_string())?;
        let requirements = KernelRequirements {
            landlock: self.config.sandbox.min_landlock_abi,
        };
        let probed = Sandbox::probe_bubblewrap(&search, self.exe.clone(), user, requirements).await;
        probed.map(Arc::new).map_err(|error| error.to_string())
    }

    pub(crate) fn is_sandboxed(&self) -> bool {
        *self.sandbox.isolation() != IsolationBackend::None
    }

    /// Returns the project's secrets for `given`, records their use, and adds them to the redactor.
    pub(crate) async fn secrets_for(
        &self,
        given: SecretUse,
    ) -> Result<Vec<(SecretName, SecretString)>, EngineError> {
        let vault = open_vault(&self.config);
        Ok(secrets::open_for_use(&self.data, &vault, &self.project, given).await?)
    }

    /// Reads the secrets of all projects and adds them to the redactor.
    pub(crate) async fn current_secrets(&self) -> Result<Vec<secrets::OpenedSecret>, EngineError> {
        let vault = open_vault(&self.config);
        Ok(secrets::open_all(&self.data, &vault, &self.project).await?)
    }

    /// Returns the settings of Docker, if it isolates the processes.
    pub(crate) fn docker_settings(&self) -> Option<&DockerSettings> {
        match self.sandbox.isolation() {
            IsolationBackend::Docker(docker) => Some(docker.settings()),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => None,
        }
    }

    /// Returns the labels of the project's containers.
    pub(crate) fn container_labels(&self) -> BTreeMap<&'static str, String> {
        [
            ("project", self.project.slug.clone()),
            ("fence", self.fence().to_string()),
        ]
        .into()
    }

    /// Returns the orchestrator's git signature, dated now.
    pub(crate) fn signature(&self) -> GitSignature {
        GitIdentity::orchestrator().at(self.data.now())
    }

    /// Returns the tip of the main branch.
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

/// Returns the unprivileged user that a project's processes run as if this process is root.
pub fn sandbox_user(config: &Config, project: &Project) -> SandboxUser {
    let uid = config.sandbox.uid_base + project.number;
    SandboxUser { uid, gid: uid }
}

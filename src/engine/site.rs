//! A project's place on this machine: its repository, its directories, its sandboxes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::WorkflowError;
use super::grip::Grip;
use super::paths::{Paths, ProjectPaths};
use super::preview_names::Served;
use super::stop::StopReason;
use eklavya_config::Config;
use eklavya_core::domain::lease::Tenure;
use eklavya_core::domain::project::Project;
use eklavya_core::domain::secret::{SecretName, SecretUse};
use eklavya_git::{Git, Identity, Repository, Signature};
use eklavya_sandbox::browser::{self, BrowserError};
use eklavya_sandbox::docker::DockerSettings;
use eklavya_sandbox::{Demands, Isolation, Sandbox, User};
use eklavya_services::secrets::{self, Vault};
use eklavya_services::{Desk, leases, projects};

/// What a site is made of.
#[derive(Debug)]
pub struct SiteSpec {
    /// The database, the clock and the bus.
    pub desk: Desk,
    /// The configuration.
    pub config: Config,
    /// The isolation in force.
    pub sandbox: Sandbox,
    /// Git.
    pub git: Git,
    /// The `eklavya` program, for the processes that serve previews.
    pub exe: PathBuf,
    /// The directories in which a browser is looked for.
    pub search: Vec<PathBuf>,
}

/// A project's place on this machine.
#[derive(Debug, Clone)]
pub struct Site {
    pub(super) desk: Desk,
    pub(super) config: Config,
    pub(super) paths: ProjectPaths,
    pub(super) repository: Repository,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) exe: PathBuf,
    pub(super) user: Option<User>,
    /// What is served for those who verify.
    pub(super) served: Served,
    search: Vec<PathBuf>,
    /// The sandbox of browsers, where that is not the one of agents; looked for once.
    browsing: Arc<OnceCell<Result<Arc<Sandbox>, String>>>,
    project: Project,
    grip: Option<Arc<Grip>>,
}

impl Site {
    /// Opens the project's directories and repository, which are made where there are none.
    pub async fn open(spec: SiteSpec, project: &Project) -> Result<Self, WorkflowError> {
        let paths = Paths::new(spec.config.home.path.as_std_path()).project(project);
        std::fs::create_dir_all(&paths.root).map_err(WorkflowError::io(&paths.root))?;
        // A worker that has been there for long learns of those that were set since.
        secrets::hide_all(&spec.desk, &vault(&spec.config)).await?;
        let repository = Repository::create(spec.git, &paths.repository())
            .await?
            .withholding(spec.desk.redactor().clone());
        let user = spec.sandbox.becomes(Some(user_of(&spec.config, project)));
        Ok(Self {
            desk: spec.desk,
            config: spec.config,
            paths,
            repository,
            sandbox: Arc::new(spec.sandbox),
            exe: spec.exe,
            user,
            served: Served::default(),
            search: spec.search,
            browsing: Arc::default(),
            project: project.clone(),
            grip: None,
        })
    }

    /// Returns the site as a tenure works on it: nothing can be written to the database or to the
    /// repository once the tenure has lost its lease.
    pub(super) async fn fenced(
        &self,
        tenure: &Tenure,
        grip: Arc<Grip>,
    ) -> Result<Self, WorkflowError> {
        // What killed operations left in the way of writing comes first.
        self.repository.sweep().await?;
        let repository = self.repository.raise_fence(tenure.fence).await?;
        Ok(Self {
            desk: self.desk.fenced(tenure.clone()),
            repository,
            grip: Some(grip),
            ..self.clone()
        })
    }

    /// Makes sure that the lease is held, before files that another tenure may have made its own are
    /// replaced or removed. The database is asked only where the term ran out.
    ///
    /// # Errors
    /// That the lease was lost.
    pub(super) async fn firm(&self) -> Result<(), WorkflowError> {
        match &self.grip {
            Some(grip) if grip.left().is_zero() => self.renew().await,
            Some(_) | None => Ok(()),
        }
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// That it was lost; that the database is away, also where it does not answer while the lease
    /// is certain.
    pub(super) async fn renew(&self) -> Result<(), WorkflowError> {
        let (Some(grip), Some(tenure)) = (&self.grip, self.desk.tenure()) else {
            return Ok(());
        };
        let begun = Instant::now();
        let renewing = leases::renew(&self.desk, tenure, grip.term());
        // A process that was asleep for longer than a term gets its answer all the same.
        let longest = grip.left().max(grip.term() / 2);
        match tokio::time::timeout(longest, renewing).await {
            Ok(renewed) => renewed?,
            Err(_) => return Err(WorkflowError::Stopped(StopReason::StoreAway)),
        }
        grip.renewed(begun);
        Ok(())
    }

    /// Returns the number of the tenure; 0 where there is none.
    pub(super) fn fence(&self) -> i64 {
        self.desk.tenure().map_or(0, |tenure| tenure.fence)
    }

    /// Returns the project as it stood when the site was opened: for what never changes.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Returns the project as it stands now.
    pub async fn reload(&self) -> Result<Project, WorkflowError> {
        Ok(projects::reload(&self.desk, &self.project).await?)
    }

    /// Returns the Chromium of this machine.
    pub(super) fn chromium(&self) -> Result<PathBuf, BrowserError> {
        if !self.config.browser.used {
            return Err(BrowserError::Off);
        }
        let configured = self.config.browser.path.as_ref();
        browser::locate(configured.map(|path| path.as_std_path()), &self.search)
    }

    /// Returns the sandbox in which browsers run, and as whom. Where containers hold the agents, it
    /// is bubblewrap's all the same: images have no browser.
    pub(super) async fn browsing(&self) -> Result<(Arc<Sandbox>, Option<User>), BrowserError> {
        let user = Some(user_of(&self.config, &self.project));
        let sandbox = match self.sandbox.isolation() {
            Isolation::Bubblewrap { .. } | Isolation::None => Arc::clone(&self.sandbox),
            Isolation::Docker(_) => {
                let found = self.browsing.get_or_init(|| self.bubblewrap(user)).await;
                found.clone().map_err(BrowserError::InContainer)?
            }
        };
        let user = sandbox.becomes(user);
        Ok((sandbox, user))
    }

    async fn bubblewrap(&self, user: Option<User>) -> Result<Arc<Sandbox>, String> {
        let search = std::env::join_paths(&self.search).map_err(|error| error.to_string())?;
        let demands = Demands {
            landlock: self.config.sandbox.landlock,
        };
        let found = Sandbox::probe(&search, self.exe.clone(), user, demands).await;
        found.map(Arc::new).map_err(|error| error.to_string())
    }

    /// Whether processes are held by a sandbox.
    pub(super) fn is_sandboxed(&self) -> bool {
        *self.sandbox.isolation() != Isolation::None
    }

    /// Returns the project's secrets that are for `given`; whoever gets them hides them from now on.
    pub(super) async fn secrets_for(
        &self,
        given: SecretUse,
    ) -> Result<Vec<(SecretName, SecretString)>, WorkflowError> {
        let vault = vault(&self.config);
        Ok(secrets::for_use(&self.desk, &vault, &self.project, given).await?)
    }

    /// Returns the secrets of all projects as they are set now.
    pub(super) async fn current_secrets(&self) -> Result<Vec<secrets::Current>, WorkflowError> {
        let vault = vault(&self.config);
        Ok(secrets::current(&self.desk, &vault, &self.project).await?)
    }

    /// Returns which Docker holds the processes, where that does.
    pub(super) fn docker(&self) -> Option<&DockerSettings> {
        match self.sandbox.isolation() {
            Isolation::Docker(docker) => Some(docker.settings()),
            Isolation::Bubblewrap { .. } | Isolation::None => None,
        }
    }

    /// Returns what a container that works for the project is labelled with.
    pub(super) fn labels(&self) -> BTreeMap<&'static str, String> {
        [
            ("project", self.project.slug.clone()),
            ("fence", self.fence().to_string()),
        ]
        .into()
    }

    /// Returns the orchestrator's signature at the present moment.
    pub(super) fn signature(&self) -> Signature {
        Identity::orchestrator().at(self.desk.now())
    }

    /// Returns the head of main.
    pub(super) async fn main(
        &self,
    ) -> Result<eklavya_core::domain::commit::CommitId, WorkflowError> {
        let head = self.repository.branch("main").await?;
        head.ok_or_else(|| WorkflowError::Failed("the repository has no main branch".to_owned()))
    }
}

fn vault(config: &Config) -> Vault {
    Vault::at(config.secret_key().as_std_path())
}

/// Returns the unprivileged user that a project's processes run as where the caller is root.
pub fn user_of(config: &Config, project: &Project) -> User {
    let uid = config.sandbox.uid_base + project.number;
    User { uid, gid: uid }
}

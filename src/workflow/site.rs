//! A project's place on this machine: its repository, its directories, its sandboxes.

use std::path::PathBuf;

use super::error::WorkflowError;
use super::paths::{Paths, ProjectPaths};
use crate::config::Config;
use crate::domain::project::Project;
use crate::sandbox::{Isolation, Sandbox, User};
use crate::services::{Desk, projects};
use crate::vcs::{Git, Identity, Repository, Signature};

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
}

/// A project's place on this machine.
#[derive(Debug)]
pub struct Site {
    pub(super) desk: Desk,
    pub(super) config: Config,
    pub(super) paths: ProjectPaths,
    pub(super) repository: Repository,
    pub(super) sandbox: Sandbox,
    pub(super) exe: PathBuf,
    pub(super) user: Option<User>,
    project: Project,
}

impl Site {
    /// Opens the project's directories and repository, which are made where there are none.
    pub async fn open(spec: SiteSpec, project: &Project) -> Result<Self, WorkflowError> {
        let paths = Paths::new(spec.config.home.path.as_std_path()).project(project);
        std::fs::create_dir_all(&paths.root).map_err(WorkflowError::io(&paths.root))?;
        let repository = Repository::create(spec.git, &paths.repository()).await?;
        let user = spec.sandbox.becomes(Some(user_of(&spec.config, project)));
        Ok(Self {
            desk: spec.desk,
            config: spec.config,
            paths,
            repository,
            sandbox: spec.sandbox,
            exe: spec.exe,
            user,
            project: project.clone(),
        })
    }

    /// Returns the project as it stood when the site was opened: for what never changes.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Returns the project as it stands now.
    pub async fn reload(&self) -> Result<Project, WorkflowError> {
        Ok(projects::reload(&self.desk, &self.project).await?)
    }

    /// Whether processes are held by a sandbox.
    pub(super) fn is_sandboxed(&self) -> bool {
        *self.sandbox.isolation() != Isolation::None
    }

    /// Returns the orchestrator's signature at the present moment.
    pub(super) fn signature(&self) -> Signature {
        Identity::orchestrator().at(self.desk.now())
    }

    /// Returns the head of main.
    pub(super) async fn main(&self) -> Result<crate::domain::commit::CommitId, WorkflowError> {
        let head = self.repository.branch("main").await?;
        head.ok_or_else(|| WorkflowError::Failed("the repository has no main branch".to_owned()))
    }
}

/// Returns the unprivileged user that a project's processes run as where the caller is root.
pub fn user_of(config: &Config, project: &Project) -> User {
    let uid = config.sandbox.uid_base + project.number;
    User { uid, gid: uid }
}

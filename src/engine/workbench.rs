//! A throw-away workspace in which a person tries what a role may do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use super::error::WorkflowError;
use super::site::Site;
use super::workspace::BRANCH;
use super::{trial, workspace};
use eklavya_config::Config;
use eklavya_core::domain::role::Role;
use eklavya_git::{Identity, remove_tree};
use eklavya_sandbox::{
    Child, Dirs, Inner, Outgrown, Profile, Sandbox, Spec, Streams, User, outgrown,
};

/// A workspace like that of an agent, without a door.
#[derive(Debug)]
pub struct Workbench {
    place: TempDir,
    spec: Spec,
    /// Whose the files are, where that is not the caller.
    owner: Option<User>,
}

impl Workbench {
    /// Returns an empty workspace for `role`. `user` is whom root becomes.
    ///
    /// `cli` is the Claude Code CLI, which agents have.
    pub fn empty(
        config: &Config,
        sandbox: &Sandbox,
        role: Role,
        user: User,
        cli: Option<PathBuf>,
    ) -> Result<Self, WorkflowError> {
        let place = tempfile::Builder::new().prefix("eklavya-").tempdir();
        let place = place.map_err(WorkflowError::io(Path::new("a temporary directory")))?;
        let dirs = Dirs::at(&place.path().join("work"));
        let owner = sandbox.becomes(Some(user));
        dirs.prepare(owner)?;
        let mut spec = Spec::new(Profile::Agent(role), &dirs);
        spec.user = Some(user);
        spec.tmp_bytes = config.sandbox.tmp_bytes;
        spec.disk_bytes = config.sandbox.disk_bytes;
        spec.tool_binaries = cli.into_iter().collect();
        Ok(Self { place, spec, owner })
    }

    /// Puts a clone of the project's main into it; leaves it empty where there is no main yet.
    pub async fn fill(&self, site: &Site) -> Result<(), WorkflowError> {
        let Some(main) = site.repository.branch("main").await? else {
            return Ok(());
        };
        let identity = Identity::new("Sandbox", "sandbox@agents.eklavya.invalid");
        let clone = &self.spec.workspace;
        let owner = workspace::to(self.owner);
        site.repository
            .clone_for_agent(clone, &main, BRANCH, &identity, owner)
            .await?;
        Ok(())
    }

    /// Starts a command with the streams of this process.
    pub async fn start(
        &self,
        sandbox: &Sandbox,
        program: &OsString,
        args: &[OsString],
    ) -> Result<Child, WorkflowError> {
        let inner = Inner::new(program, args);
        let inner = trial::ENVIRONMENT
            .iter()
            .fold(inner, |inner, (name, value)| inner.env(*name, *value));
        let streams = Streams {
            stdin: Stdio::inherit(),
            stdout: Stdio::inherit(),
            stderr: Stdio::inherit(),
        };
        Ok(sandbox.spawn(&self.spec, inner, streams).await?)
    }

    /// Returns when what was started takes more of the disk than it may; never otherwise.
    pub async fn outgrown(&self, child_pid: u32) -> Outgrown {
        let roots = vec![self.spec.workspace.clone(), self.spec.home.clone()];
        outgrown(roots, self.spec.disk_bytes, child_pid).await
    }

    /// Removes it with everything in it.
    pub async fn remove(self) -> Result<(), WorkflowError> {
        Ok(remove_tree(self.place.path()).await?)
    }
}

//! A throw-away workspace in which the admin can try the permissions of a role.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::context::error::EngineError;
use crate::context::site::Site;
use crate::workspace::clone::BRANCH;
use crate::workspace::{clone, command};
use eklavya_config::Config;
use eklavya_core::agent::role::Role;
use eklavya_git::{GitIdentity, remove_tree};
use eklavya_sandbox::{
    DiskQuotaExceeded, ProgramSpec, Sandbox, SandboxChild, SandboxProfile, SandboxSpec,
    SandboxUser, StdioStreams, WorkspaceDirs, wait_for_disk_quota,
};

/// A workspace like that of an agent, without a door.
#[derive(Debug)]
pub struct ThrowawayWorkspace {
    place: TempDir,
    spec: SandboxSpec,
    /// The owner of the files, if it is not the caller.
    owner: Option<SandboxUser>,
}

impl ThrowawayWorkspace {
    /// Creates an empty workspace for `role`. If the caller is root, its processes run as `user`.
    ///
    /// `cli` is the path of the Claude Code CLI, which agents can read.
    pub fn create(
        config: &Config,
        sandbox: &Sandbox,
        role: Role,
        user: SandboxUser,
        cli: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        let place = tempfile::Builder::new().prefix("eklavya-").tempdir();
        let place = place.map_err(EngineError::io(Path::new("a temporary directory")))?;
        let dirs = WorkspaceDirs::below(&place.path().join("work"));
        let owner = sandbox.effective_user(Some(user));
        dirs.create(owner)?;
        let mut spec = SandboxSpec::new(SandboxProfile::Agent(role), &dirs);
        spec.user = Some(user);
        spec.tmp_bytes = config.sandbox.tmp_bytes;
        spec.disk_bytes = config.sandbox.disk_bytes;
        spec.tool_binaries = cli.into_iter().collect();
        Ok(Self { place, spec, owner })
    }

    /// Clones the main branch of the project into the workspace, which stays empty without a main.
    pub async fn clone_main(&self, site: &Site) -> Result<(), EngineError> {
        let Some(main) = site.repository.branch_tip("main").await? else {
            return Ok(());
        };
        let identity = GitIdentity::new("Sandbox", "sandbox@agents.eklavya.invalid");
        let clone = &self.spec.workspace;
        let owner = clone::owner_handover(self.owner);
        site.repository
            .clone_for_agent(clone, &main, BRANCH, &identity, owner)
            .await?;
        Ok(())
    }

    /// Starts a command with the standard streams of this process.
    pub async fn spawn_command(
        &self,
        sandbox: &Sandbox,
        program: &OsString,
        args: &[OsString],
    ) -> Result<SandboxChild, EngineError> {
        let inner = ProgramSpec::new(program, args);
        let inner = command::COMMAND_ENVIRONMENT
            .iter()
            .fold(inner, |inner, (name, value)| inner.env(*name, *value));
        let streams = StdioStreams {
            stdin: Stdio::inherit(),
            stdout: Stdio::inherit(),
            stderr: Stdio::inherit(),
        };
        Ok(sandbox.spawn(&self.spec, inner, streams).await?)
    }

    /// Returns when the started command exceeds the disk quota; never otherwise.
    pub async fn wait_for_disk_quota(&self, child_pid: u32) -> DiskQuotaExceeded {
        let roots = vec![self.spec.workspace.clone(), self.spec.home.clone()];
        wait_for_disk_quota(roots, self.spec.disk_bytes, child_pid).await
    }

    pub async fn remove(self) -> Result<(), EngineError> {
        Ok(remove_tree(self.place.path()).await?)
    }
}

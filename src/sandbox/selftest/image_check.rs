//! Checking that both images can run this program.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::error::SandboxError;
use crate::run::child::{SandboxExit, StdioStreams};
use crate::run::sandbox::Sandbox;
use crate::spec::{MountAccess, ProgramSpec, SandboxProfile, SandboxSpec};
use crate::user::SandboxUser;
use crate::workspace_dirs::WorkspaceDirs;
use eklavya_core::agent::role::Role;

/// How long both checks may take together.
const TIMEOUT: Duration = Duration::from_mins(2);

impl Sandbox {
    /// Checks that this program runs in the containers of roles with and without a terminal. `user` is
    /// the user that root switches to.
    ///
    /// # Errors
    /// The program does not run; the error contains its output.
    pub async fn check_images(&self, user: SandboxUser) -> Result<(), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let directory = tempfile::tempdir().map_err(prepare)?;
        let dirs = WorkspaceDirs::below(&directory.path().join("work"));
        dirs.create(self.effective_user(Some(user)))?;
        let both = async {
            for profile in [
                SandboxProfile::Command(MountAccess::Read),
                SandboxProfile::Agent(Role::Monitor),
            ] {
                let mut spec = SandboxSpec::new(profile, &dirs);
                spec.user = Some(user);
                self.run_version(&spec).await?;
            }
            Ok(())
        };
        let checked = tokio::time::timeout(TIMEOUT, both).await;
        checked.map_err(|_| prepare(std::io::ErrorKind::TimedOut.into()))?
    }

    async fn run_version(&self, spec: &SandboxSpec) -> Result<(), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let streams = StdioStreams {
            stdin: Stdio::null(),
            stdout: Stdio::null(),
            stderr: Stdio::piped(),
        };
        let program = ProgramSpec::new(self.own_program(), ["--version"]);
        let mut child = self.spawn(spec, program, streams).await?;
        let mut output = Vec::new();
        if let Some(mut stderr) = child.take_stderr() {
            stderr.read_to_end(&mut output).await.map_err(prepare)?;
        }
        let output = String::from_utf8_lossy(&output).trim().to_owned();
        match child.wait().await {
            Ok(SandboxExit::Code(0)) => Ok(()),
            Ok(_) | Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(error) => Err(error),
        }
    }
}

//! Trying whether both images run this program.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::super::child::Streams;
use super::super::dirs::Dirs;
use super::super::error::SandboxError;
use super::super::spec::{Access, Inner, Profile, Spec, User};
use super::super::{Exit, Sandbox};
use eklavya_core::domain::role::Role;

/// How long both may take together.
const PATIENCE: Duration = Duration::from_mins(2);

impl Sandbox {
    /// Makes sure that this program runs in the containers of roles with and without a terminal.
    /// `user` is whom root becomes.
    ///
    /// # Errors
    /// It does not; the error has what was said.
    pub async fn fits(&self, user: User) -> Result<(), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let place = tempfile::tempdir().map_err(prepare)?;
        let dirs = Dirs::at(&place.path().join("work"));
        dirs.prepare(self.becomes(Some(user)))?;
        let both = async {
            for profile in [
                Profile::Command(Access::Read),
                Profile::Agent(Role::Monitor),
            ] {
                let mut spec = Spec::new(profile, &dirs);
                spec.user = Some(user);
                self.version(&spec).await?;
            }
            Ok(())
        };
        let tried = tokio::time::timeout(PATIENCE, both).await;
        tried.map_err(|_| prepare(std::io::ErrorKind::TimedOut.into()))?
    }

    async fn version(&self, spec: &Spec) -> Result<(), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let streams = Streams {
            stdin: Stdio::null(),
            stdout: Stdio::null(),
            stderr: Stdio::piped(),
        };
        let inner = Inner::new(self.own_program(), ["--version"]);
        let mut child = self.spawn(spec, inner, streams).await?;
        let mut said = Vec::new();
        if let Some(mut stderr) = child.take_stderr() {
            stderr.read_to_end(&mut said).await.map_err(prepare)?;
        }
        let output = String::from_utf8_lossy(&said).trim().to_owned();
        match child.wait().await {
            Ok(Exit::Code(0)) => Ok(()),
            Ok(_) | Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(error) => Err(error),
        }
    }
}

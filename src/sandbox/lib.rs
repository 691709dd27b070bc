//! What an agent may touch, by role, and the sandbox that holds it to that.
//!
//! [`policy`] is the table; [`Sandbox`] is the isolation in force on this machine; a [`Spec`] says
//! what a sandbox is for and what it sees. What runs is always this chain, each the parent of the
//! next:
//!
//! 1. `eklavya sandbox-run` ([`relay`]) stands for the sandbox and may be killed in any way,
//! 2. `eklavya sandbox-enter` ([`enter`]) stops being root, and kills all the rest when the first is gone,
//! 3. `bwrap` makes the namespaces and mounts (missing under `--no-sandbox`),
//! 4. `eklavya sandbox-init` ([`init`]), inside, keeps the door to the gateway open,
//! 5. the program, behind two more walls: Landlock ([`territory`]) and a filter of system calls
//!    ([`seccomp`]).
//!
//! Where the isolation is Docker, [`docker`] stands in the place of the first three.

pub mod browser;
pub mod docker;
mod docker_error;
mod error;
pub mod inside;
pub mod launch;
mod open_beneath;
pub mod plan;
pub mod preview;
mod protection_layer;
pub mod proxy;
pub mod role_policy;
pub mod run;
pub mod selftest;
mod spec;
pub mod supervision;
mod workspace_dirs;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::process::Command;

#[doc(hidden)]
pub use crate::protection_layer::ProtectionLayer;
pub use crate::run::child::{SandboxChild, SandboxExit, StdioStreams, StopSignal};
pub use crate::run::command::{CommandOutcome, RunLimits, run_command, run_program};
pub use crate::run::disk_usage::{DiskQuotaExceeded, wait_for_disk_quota};
pub use crate::run::memory_usage::measure_memory;
pub use crate::run::orphan::{kill_by_pid_file, kill_orphan};
pub use crate::run::probe::KernelRequirements;
pub use crate::workspace_dirs::{WorkspaceDirs, chown_socket, chown_tree, is_root};
pub use error::SandboxError;
pub use preview::{PreviewError, PreviewServer, PreviewSource, PreviewSpec, WEB_SOCKET};
pub use spec::{
    DISK_BYTES, MountAccess, PROXY_PORT, PROXY_SOCKET, ProgramSpec, SandboxProfile, SandboxSpec,
    SandboxUser, TMP_BYTES,
};

use docker::DockerBackend;
use eklavya_core::process;
use inside::init;
use launch::{bubblewrap, libraries, relay};
use plan::mounts;
use supervision::{process_tree, supervise};

/// Kills the process `pid` that was started by [`Sandbox::command`] and everything in it. Nothing
/// is left when that process has ended.
pub fn kill_sandbox(pid: u32) {
    process_tree::send_signal(pid, supervise::END_ALL);
}

/// How agents are held on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IsolationBackend {
    /// By namespaces and mounts that bubblewrap makes.
    Bubblewrap {
        /// The program.
        path: PathBuf,
    },
    /// By containers of Docker's.
    Docker(Box<DockerBackend>),
    /// Not at all (`--no-sandbox`): the processes run as the caller, and see and write whatever the
    /// caller may.
    None,
}

/// The isolation in force, with what it needs of this machine.
#[derive(Debug)]
pub struct Sandbox {
    isolation: IsolationBackend,
    /// The `eklavya` program, for `sandbox-init` and `sandbox-serve`.
    exe: PathBuf,
    git: Option<PathBuf>,
    /// The version of Landlock in force; 0 where there is none.
    landlock: u32,
    /// What the caller asked the machine for.
    requirements: KernelRequirements,
    /// Libraries by program; a program is asked for them once.
    libraries: Mutex<HashMap<PathBuf, Vec<PathBuf>>>,
}

impl Sandbox {
    /// Returns the sandbox that is none: what `--no-sandbox` asks for. `exe` is the `eklavya`
    /// program.
    pub fn unsandboxed(exe: PathBuf) -> Self {
        Self {
            isolation: IsolationBackend::None,
            exe,
            git: None,
            landlock: 0,
            requirements: KernelRequirements { landlock: 0 },
            libraries: Mutex::default(),
        }
    }

    /// Returns the isolation in force.
    pub fn isolation(&self) -> &IsolationBackend {
        &self.isolation
    }

    /// Returns the version (ABI) of Landlock in force, 0 where there is none. Its rules go as far as
    /// this version knows them.
    pub fn landlock(&self) -> u32 {
        self.landlock
    }

    /// Returns whom processes of a specification with `user` run as, where that is not the caller:
    /// the owner to give a workspace's files to.
    pub fn effective_user(&self, user: Option<SandboxUser>) -> Option<SandboxUser> {
        user.filter(|_| is_root() && self.isolation != IsolationBackend::None)
    }

    /// Returns the command that runs `inner` in a sandbox of `spec`, with no standard streams
    /// chosen except for an empty stdin.
    ///
    /// Prefer [`Sandbox::spawn`]. Whoever starts the command otherwise must do so from a thread
    /// that lives as long as the sandbox is to run: the kernel kills the sandbox when the *thread*
    /// that started it ends, so never from `spawn_blocking`. The command can be started once.
    /// Killing what it starts kills all of the sandbox a moment later; with [`kill_all`] instead,
    /// all of it is gone when the process has ended.
    pub fn command(&self, spec: &SandboxSpec, inner: ProgramSpec) -> Result<Command, SandboxError> {
        self.build_command(spec, inner, None)
    }

    fn build_command(
        &self,
        spec: &SandboxSpec,
        inner: ProgramSpec,
        status: Option<OwnedFd>,
    ) -> Result<Command, SandboxError> {
        spec.validate()?;
        let inner = add_defaults(spec, inner);
        match &self.isolation {
            IsolationBackend::Bubblewrap { path } => {
                bubblewrap::command(self, path, spec, &inner, status)
            }
            IsolationBackend::Docker(docker) => docker.command(self, spec, &inner, status),
            IsolationBackend::None => Ok(self.unsandboxed_command(spec, &inner)),
        }
    }

    /// Makes sure that sandboxes can still be made, where that is up to somebody who may go away.
    ///
    /// # Errors
    /// Docker does not answer.
    pub async fn ensure_ready(&self) -> Result<(), SandboxError> {
        match &self.isolation {
            IsolationBackend::Docker(docker) => Ok(docker.engine().ensure_ready().await?),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => Ok(()),
        }
    }

    /// Removes what sandboxes left behind whose owners are gone; returns how many there were.
    ///
    /// # Errors
    /// Docker does not answer, or refuses.
    pub async fn remove_abandoned(&self) -> Result<usize, SandboxError> {
        match &self.isolation {
            IsolationBackend::Docker(docker) => Ok(docker.remove_abandoned().await?),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => Ok(0),
        }
    }

    /// The same programs, without bubblewrap between them.
    fn unsandboxed_command(&self, spec: &SandboxSpec, inner: &ProgramSpec) -> Command {
        let mut command = process::new_command(&self.exe);
        command
            .args(relay::arguments(None, &[], &self.exe))
            .args(init::arguments(
                spec,
                inner,
                init::Enclosure::Host,
                self.requirements,
            ))
            .envs(&inner.env)
            .current_dir(inner.cwd.as_ref().unwrap_or(&spec.workspace))
            .process_group(0);
        command
    }

    /// Returns where the `eklavya` program is for a process inside.
    fn own_program(&self) -> &Path {
        match self.isolation {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => {
                Path::new(mounts::OWN_PROGRAM)
            }
            IsolationBackend::None => &self.exe,
        }
    }

    fn cached_libraries(&self, program: &Path) -> Result<Vec<PathBuf>, SandboxError> {
        let mut known = self
            .libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(program) {
            return Ok(found.clone());
        }
        let found = libraries::find_libraries(program)?;
        known.insert(program.to_owned(), found.clone());
        Ok(found)
    }
}

/// Fills in what every inner program gets.
fn add_defaults(spec: &SandboxSpec, mut inner: ProgramSpec) -> ProgramSpec {
    inner.program = spec.resolve_program(&inner.program);
    let own = [("HOME", &spec.home), ("TMPDIR", &spec.tmp)];
    for (name, value) in own {
        inner
            .env
            .entry(OsString::from(name))
            .or_insert_with(|| value.clone().into_os_string());
    }
    inner
}

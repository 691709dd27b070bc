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
mod bubblewrap;
mod child;
mod confine;
mod descendants;
mod dirs;
pub mod docker;
pub mod enter;
mod error;
pub mod examine;
mod forward;
mod guard;
mod handover;
pub mod init;
mod libraries;
mod limits;
mod memory;
mod mounts;
mod open;
mod orphan;
mod output;
pub mod policy;
mod preview;
mod probe;
pub mod proxy;
mod proxy_environment;
pub mod relay;
mod run;
mod seccomp;
pub mod serve;
mod spawner;
mod spec;
mod supervise;
mod territory;
mod usage;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::process::Command;

pub use child::{Child, Exit, Politeness, Streams};
pub use dirs::{Dirs, hand_over, is_root, share_socket};
pub use error::SandboxError;
#[doc(hidden)]
pub use guard::Guard;
pub use memory::memory_of;
pub use orphan::{end_noted, end_orphan};
pub use preview::{Preview, PreviewError, PreviewSource, PreviewSpec, WEB_SOCKET};
pub use probe::Demands;
pub use run::{CommandOutcome, RunLimits, run_command, run_program};
pub use spec::{
    Access, DISK_BYTES, Inner, PROXY_PORT, PROXY_SOCKET, Profile, Spec, TMP_BYTES, User,
};
pub use usage::{Outgrown, outgrown};

use docker::Docker;
use eklavya_core::process;

/// Kills the process `pid` that was started by [`Sandbox::command`] and everything in it. Nothing
/// is left when that process has ended.
pub fn kill_all(pid: u32) {
    descendants::signal(pid, supervise::END_ALL);
}

/// How agents are held on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Isolation {
    /// By namespaces and mounts that bubblewrap makes.
    Bubblewrap {
        /// The program.
        path: PathBuf,
    },
    /// By containers of Docker's.
    Docker(Box<Docker>),
    /// Not at all (`--no-sandbox`): the processes run as the caller, and see and write whatever the
    /// caller may.
    None,
}

/// The isolation in force, with what it needs of this machine.
#[derive(Debug)]
pub struct Sandbox {
    isolation: Isolation,
    /// The `eklavya` program, for `sandbox-init` and `sandbox-serve`.
    exe: PathBuf,
    git: Option<PathBuf>,
    /// The version of Landlock in force; 0 where there is none.
    landlock: u32,
    /// What the caller asked the machine for.
    demands: Demands,
    /// Libraries by program; a program is asked for them once.
    libraries: Mutex<HashMap<PathBuf, Vec<PathBuf>>>,
}

impl Sandbox {
    /// Returns the sandbox that is none: what `--no-sandbox` asks for. `exe` is the `eklavya`
    /// program.
    pub fn none(exe: PathBuf) -> Self {
        Self {
            isolation: Isolation::None,
            exe,
            git: None,
            landlock: 0,
            demands: Demands { landlock: 0 },
            libraries: Mutex::default(),
        }
    }

    /// Returns the isolation in force.
    pub fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    /// Returns the version (ABI) of Landlock in force, 0 where there is none. Its rules go as far as
    /// this version knows them.
    pub fn landlock(&self) -> u32 {
        self.landlock
    }

    /// Returns whom processes of a specification with `user` run as, where that is not the caller:
    /// the owner to give a workspace's files to.
    pub fn becomes(&self, user: Option<User>) -> Option<User> {
        user.filter(|_| is_root() && self.isolation != Isolation::None)
    }

    /// Returns the command that runs `inner` in a sandbox of `spec`, with no standard streams
    /// chosen except for an empty stdin.
    ///
    /// Prefer [`Sandbox::spawn`]. Whoever starts the command otherwise must do so from a thread
    /// that lives as long as the sandbox is to run: the kernel kills the sandbox when the *thread*
    /// that started it ends, so never from `spawn_blocking`. The command can be started once.
    /// Killing what it starts kills all of the sandbox a moment later; with [`kill_all`] instead,
    /// all of it is gone when the process has ended.
    pub fn command(&self, spec: &Spec, inner: Inner) -> Result<Command, SandboxError> {
        self.build(spec, inner, None)
    }

    fn build(
        &self,
        spec: &Spec,
        inner: Inner,
        status: Option<OwnedFd>,
    ) -> Result<Command, SandboxError> {
        spec.check()?;
        let inner = complete(spec, inner);
        match &self.isolation {
            Isolation::Bubblewrap { path } => bubblewrap::command(self, path, spec, &inner, status),
            Isolation::Docker(docker) => docker.command(self, spec, &inner, status),
            Isolation::None => Ok(self.plain(spec, &inner)),
        }
    }

    /// Makes sure that sandboxes can still be made, where that is up to somebody who may go away.
    ///
    /// # Errors
    /// Docker does not answer.
    pub async fn ready(&self) -> Result<(), SandboxError> {
        match &self.isolation {
            Isolation::Docker(docker) => Ok(docker.engine().ready().await?),
            Isolation::Bubblewrap { .. } | Isolation::None => Ok(()),
        }
    }

    /// Removes what sandboxes left behind whose owners are gone; returns how many there were.
    ///
    /// # Errors
    /// Docker does not answer, or refuses.
    pub async fn reap(&self) -> Result<usize, SandboxError> {
        match &self.isolation {
            Isolation::Docker(docker) => Ok(docker.reap().await?),
            Isolation::Bubblewrap { .. } | Isolation::None => Ok(0),
        }
    }

    /// The same programs, without bubblewrap between them.
    fn plain(&self, spec: &Spec, inner: &Inner) -> Command {
        let mut command = process::command(&self.exe);
        command
            .args(relay::arguments(None, &[], &self.exe))
            .args(init::arguments(
                spec,
                inner,
                init::Around::Nothing,
                self.demands,
            ))
            .envs(&inner.env)
            .current_dir(inner.cwd.as_ref().unwrap_or(&spec.workspace))
            .process_group(0);
        command
    }

    /// Returns where the `eklavya` program is for a process inside.
    fn own_program(&self) -> &Path {
        match self.isolation {
            Isolation::Bubblewrap { .. } | Isolation::Docker(_) => Path::new(mounts::OWN_PROGRAM),
            Isolation::None => &self.exe,
        }
    }

    fn libraries(&self, program: &Path) -> Result<Vec<PathBuf>, SandboxError> {
        let mut known = self
            .libraries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(program) {
            return Ok(found.clone());
        }
        let found = libraries::libraries(program)?;
        known.insert(program.to_owned(), found.clone());
        Ok(found)
    }
}

/// Fills in what every inner program gets.
fn complete(spec: &Spec, mut inner: Inner) -> Inner {
    inner.program = spec.resolve(&inner.program);
    let own = [("HOME", &spec.home), ("TMPDIR", &spec.tmp)];
    for (name, value) in own {
        inner
            .env
            .entry(OsString::from(name))
            .or_insert_with(|| value.clone().into_os_string());
    }
    inner
}

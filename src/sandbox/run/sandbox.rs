//! The sandbox of this machine: the isolation backend in force, and the commands that it makes.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::docker::DockerBackend;
use crate::error::SandboxError;
use crate::inside::init;
use crate::inside::init_config::Enclosure;
use crate::launch::host_programs::HostPrograms;
use crate::launch::{bubblewrap, relay};
use crate::plan::init_config::plan_init;
use crate::plan::mounts;
use crate::spec::{KernelRequirements, ProgramSpec, SandboxSpec};
use crate::supervision::{process_tree, supervise};
use crate::user::{self, SandboxUser};
use eklavya_core::process;

/// Kills the process `pid`, which [`Sandbox::command`] started, and everything in its sandbox. When
/// that process has ended, nothing of the sandbox is left.
pub fn kill_sandbox(pid: u32) {
    process_tree::send_signal(pid, supervise::END_ALL);
}

/// How agents are isolated on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IsolationBackend {
    /// By namespaces and mounts that bubblewrap makes.
    Bubblewrap {
        /// The path of `bwrap`.
        path: PathBuf,
    },
    /// By Docker containers.
    Docker(Box<DockerBackend>),
    /// Not isolated (`--no-sandbox`): the processes run as the caller, with all its access.
    None,
}

/// The isolation backend in force, and what it needs of this machine.
#[derive(Debug)]
pub struct Sandbox {
    isolation: IsolationBackend,
    programs: HostPrograms,
    /// The Landlock version of the kernel; 0 if it has none.
    landlock: u32,
    requirements: KernelRequirements,
}

impl Sandbox {
    pub(super) fn new(
        isolation: IsolationBackend,
        programs: HostPrograms,
        landlock: u32,
        requirements: KernelRequirements,
    ) -> Self {
        Self {
            isolation,
            programs,
            landlock,
            requirements,
        }
    }

    /// Returns a sandbox that does not isolate (`--no-sandbox`). `exe` is the `eklavya` program.
    pub fn unsandboxed(exe: PathBuf) -> Self {
        Self::new(
            IsolationBackend::None,
            HostPrograms::new(exe, None),
            0,
            KernelRequirements { landlock: 0 },
        )
    }

    pub fn isolation(&self) -> &IsolationBackend {
        &self.isolation
    }

    /// Returns the version (ABI) of Landlock in force, or 0 if there is none. It determines which
    /// actions the rules can restrict.
    pub fn landlock(&self) -> u32 {
        self.landlock
    }

    /// Returns the user that processes run as if a specification names `user`; `None` if they run as
    /// the caller. The files of a workspace must belong to that user.
    pub fn effective_user(&self, user: Option<SandboxUser>) -> Option<SandboxUser> {
        user.filter(|_| user::is_root() && self.isolation != IsolationBackend::None)
    }

    /// Returns the command that runs `program` in a sandbox of `spec`. Its stdin is empty; the other
    /// standard streams are not set.
    ///
    /// Prefer [`Sandbox::spawn`]. Start this command only from a thread that lives as long as the
    /// sandbox: the kernel kills the sandbox when the *thread* that started it ends, so never start it
    /// from `spawn_blocking`. The command can be started once. Killing the started process kills the
    /// whole sandbox a moment later; with [`kill_sandbox`], the whole sandbox has ended when the
    /// process has.
    ///
    /// # Errors
    /// A path of `spec` is invalid or cannot be opened, or root has no user to switch to.
    pub fn command(
        &self,
        spec: &SandboxSpec,
        program: ProgramSpec,
    ) -> Result<Command, SandboxError> {
        self.build_command(spec, program, None)
    }

    pub(super) fn build_command(
        &self,
        spec: &SandboxSpec,
        program: ProgramSpec,
        status: Option<OwnedFd>,
    ) -> Result<Command, SandboxError> {
        spec.validate()?;
        let program = add_defaults(spec, program);
        let (programs, requirements) = (&self.programs, self.requirements);
        match &self.isolation {
            IsolationBackend::Bubblewrap { path } => {
                bubblewrap::command(programs, requirements, path, spec, &program, status)
            }
            IsolationBackend::Docker(docker) => {
                docker.command(programs, requirements, spec, &program, status)
            }
            IsolationBackend::None => Ok(self.unsandboxed_command(spec, &program)),
        }
    }

    /// Checks that the backend can still create sandboxes.
    ///
    /// # Errors
    /// Docker does not answer.
    pub async fn ensure_ready(&self) -> Result<(), SandboxError> {
        match &self.isolation {
            IsolationBackend::Docker(docker) => Ok(docker.engine().ensure_ready().await?),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => Ok(()),
        }
    }

    /// Removes what sandboxes left behind whose owners have ended. Returns the number of removed
    /// containers.
    ///
    /// # Errors
    /// Docker does not answer, or refuses.
    pub async fn remove_abandoned(&self) -> Result<usize, SandboxError> {
        match &self.isolation {
            IsolationBackend::Docker(docker) => Ok(docker.remove_abandoned().await?),
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::None => Ok(0),
        }
    }

    /// Returns the same chain of programs without bubblewrap.
    fn unsandboxed_command(&self, spec: &SandboxSpec, program: &ProgramSpec) -> Command {
        let exe = &self.programs.exe;
        let config = plan_init(spec, program, Enclosure::Host, self.requirements);
        let mut command = process::new_command(exe);
        command
            .args(relay::arguments(None, &[], exe))
            .arg(init::NAME)
            .args(config.to_words())
            .envs(&program.env)
            .current_dir(program.cwd.as_ref().unwrap_or(&spec.workspace))
            .process_group(0);
        command
    }

    /// Returns the path of the `eklavya` program for a process inside.
    pub(crate) fn own_program(&self) -> &Path {
        match self.isolation {
            IsolationBackend::Bubblewrap { .. } | IsolationBackend::Docker(_) => {
                Path::new(mounts::OWN_PROGRAM)
            }
            IsolationBackend::None => &self.programs.exe,
        }
    }
}

/// Resolves the program, and sets the variables that every program gets.
fn add_defaults(spec: &SandboxSpec, mut program: ProgramSpec) -> ProgramSpec {
    program.program = spec.resolve_program(&program.program);
    for (name, value) in [("HOME", &spec.home), ("TMPDIR", &spec.tmp)] {
        program
            .env
            .entry(OsString::from(name))
            .or_insert_with(|| value.clone().into_os_string());
    }
    program
}

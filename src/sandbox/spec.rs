//! The specification of a sandbox: the program to run, and what it may see.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use crate::error::SandboxError;
use crate::inside::seccomp::AllowedSockets;
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::{self as policy, FileAccess, GitAccess};
use crate::user::SandboxUser;
use crate::workspace_dirs::WorkspaceDirs;
use eklavya_core::agent::role::Role;
use eklavya_core::redactor::Redactor;

/// How a directory is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountAccess {
    Read,
    /// Read and write.
    Write,
}

/// The purpose of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxProfile {
    /// An agent: restricted by the policy of its role, with the door as its only way out.
    Agent(Role),
    /// A command or check on a private copy of a tree: with a shell, without network and door.
    Command(MountAccess),
    /// A server on a port of its own network, reached through `<door>/web.sock`.
    Preview {
        /// The access to the tree that it serves.
        access: MountAccess,
        /// The port on which it listens inside.
        port: u16,
    },
    /// A browser: the system's programs, an empty workspace, and `<door>/proxy.sock` as its only way
    /// out. The program reads the port of that proxy from the variable `EKLAVYA_PROXY_PORT`.
    Browser,
}

impl SandboxProfile {
    /// Returns what may be written in the workspace.
    pub(super) fn file_access(self) -> FileAccess {
        match self {
            SandboxProfile::Agent(role) => policy::role_policy(role).files,
            SandboxProfile::Command(MountAccess::Write)
            | SandboxProfile::Preview {
                access: MountAccess::Write,
                ..
            } => FileAccess::Full,
            SandboxProfile::Browser
            | SandboxProfile::Command(MountAccess::Read)
            | SandboxProfile::Preview {
                access: MountAccess::Read,
                ..
            } => FileAccess::Read,
        }
    }

    /// Returns the access to `.git`; `None` if the tree is a private copy that needs no protection.
    pub(super) fn git_access(self) -> Option<GitAccess> {
        match self {
            SandboxProfile::Agent(role) => Some(policy::role_policy(role).git),
            SandboxProfile::Command(_)
            | SandboxProfile::Preview { .. }
            | SandboxProfile::Browser => None,
        }
    }

    /// Returns the sockets that the program may create.
    pub(super) fn allowed_sockets(self) -> AllowedSockets {
        if self.has_shell() {
            AllowedSockets::Local
        } else {
            AllowedSockets::Tcp
        }
    }

    /// Whether a shell and the system's programs are mounted.
    pub(super) fn has_shell(self) -> bool {
        match self {
            SandboxProfile::Agent(role) => policy::role_policy(role).has_shell(),
            SandboxProfile::Command(_)
            | SandboxProfile::Preview { .. }
            | SandboxProfile::Browser => true,
        }
    }
}

/// The default size, in bytes, of each temporary file system of a sandbox. They are in memory.
const TMP_BYTES: u64 = 512 * 1024 * 1024;

/// The default limit, in bytes, of the disk space that workspace and home may take together.
const DISK_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// What a sandbox is for, and which directories of the host are mounted in it.
///
/// All paths are absolute, and the same inside and outside. No other directory of the host is
/// mounted. None of them may contain a secret: the program can read all of them.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    pub(crate) profile: SandboxProfile,
    /// The clone or tree: the working directory of the program.
    pub workspace: PathBuf,
    /// HOME: written by the program, and kept between runs.
    pub home: PathBuf,
    /// TMPDIR. In a sandbox, an empty file system in memory covers it; nothing in it is kept.
    pub(crate) tmp: PathBuf,
    /// Size of each temporary file system, in bytes.
    pub tmp_bytes: u64,
    /// The directory of the sockets: `gateway.sock` for an agent, which cannot write the directory,
    /// or `web.sock` for a preview, which creates it.
    pub door: Option<PathBuf>,
    /// Programs, or directories of them, that are mounted read-only at their real paths, such as the
    /// Claude Code CLI. Symbolic links are resolved; [`ProgramSpec::program`] may name the link.
    pub tool_binaries: Vec<PathBuf>,
    /// The user that root switches to. Required if the caller is root, ignored otherwise.
    pub user: Option<SandboxUser>,
    /// The disk space, in bytes, that workspace and home may take together. The caller has to enforce
    /// it with [`wait_for_disk_quota`](crate::wait_for_disk_quota).
    pub disk_bytes: u64,
    /// Removes secrets from the output that is kept.
    pub redactor: Redactor,
    /// Layers that are left out, for tests that show what each is for.
    #[doc(hidden)]
    pub disabled_layers: Vec<ProtectionLayer>,
    /// The file, out of the program's reach, that names the process while it runs; see
    /// [`kill_by_pid_file`](crate::kill_by_pid_file).
    pub pid_file: Option<PathBuf>,
    /// Labels of the container, whose names are prefixed with `eklavya.`. They are information for
    /// users of `docker ps`.
    pub labels: BTreeMap<&'static str, String>,
}

impl SandboxSpec {
    /// Returns a sandbox over the directories of `dirs`, without a door.
    pub fn new(profile: SandboxProfile, dirs: &WorkspaceDirs) -> Self {
        Self {
            profile,
            workspace: dirs.clone.clone(),
            home: dirs.home.clone(),
            tmp: dirs.tmp.clone(),
            tmp_bytes: TMP_BYTES,
            door: None,
            tool_binaries: Vec::new(),
            user: None,
            disk_bytes: DISK_BYTES,
            redactor: Redactor::default(),
            disabled_layers: Vec::new(),
            pid_file: None,
            labels: BTreeMap::new(),
        }
    }

    pub(super) fn is_enabled(&self, layer: ProtectionLayer) -> bool {
        !self.disabled_layers.contains(&layer)
    }

    /// Refuses paths that could mean something else inside than outside.
    pub(super) fn validate(&self) -> Result<(), SandboxError> {
        let own = [&self.workspace, &self.home, &self.tmp];
        own.into_iter()
            .chain(&self.door)
            .chain(&self.tool_binaries)
            .try_for_each(|path| ensure_absolute(path))
    }

    /// Returns the real path of `program` if it is one of the tools, and `program` otherwise.
    pub(super) fn resolve_program(&self, program: &OsStr) -> OsString {
        self.tool_binaries
            .iter()
            .find(|tool| tool.as_os_str() == program)
            .and_then(|tool| tool.canonicalize().ok())
            .map_or_else(|| program.to_owned(), PathBuf::into_os_string)
    }
}

fn ensure_absolute(path: &Path) -> Result<(), SandboxError> {
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain {
        return Ok(());
    }
    Err(SandboxError::NotAbsolute {
        path: path.to_owned(),
    })
}

/// What the kernel must support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelRequirements {
    /// The lowest version (ABI) of Landlock; with 0, Landlock may be missing.
    ///
    /// From 2 (Linux 5.19) on, Landlock lets a program move files between directories, which git and
    /// package managers do.
    pub landlock: u32,
}

impl Default for KernelRequirements {
    fn default() -> Self {
        Self { landlock: 2 }
    }
}

/// The program that runs inside.
#[derive(Debug, Clone, Default)]
pub struct ProgramSpec {
    /// A path inside the sandbox, or a tool as the specification names it.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// The whole environment. HOME and TMPDIR are added from the specification if they are missing,
    /// `ANTHROPIC_BASE_URL` by `sandbox-init` if the door leads to a gateway, and PWD by bubblewrap.
    pub env: BTreeMap<OsString, OsString>,
    /// The working directory (default: the workspace).
    pub cwd: Option<PathBuf>,
}

impl ProgramSpec {
    /// Returns `program` with `args`, without an environment, started in the workspace.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

//! What to run in a sandbox, and what it may see.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::error::SandboxError;
use crate::protection_layer::ProtectionLayer;
use crate::role_policy::{self as policy, FileAccess, GitAccess};
use eklavya_core::agent::role::Role;
use eklavya_core::redactor::Redactor;

/// Whether the workspace may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountAccess {
    /// Read-only.
    Read,
    /// Read and write.
    Write,
}

/// What a sandbox is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxProfile {
    /// An agent: held to the policy of its role, with the door as its only way out.
    Agent(Role),
    /// A throw-away run of a command or check on a private copy of a tree: a shell, no network, no
    /// door.
    Command(MountAccess),
    /// A server on a port of its own network, reached through `<door>/web.sock`.
    Preview {
        /// What it may do to the tree that it serves.
        access: MountAccess,
        /// The port on which it listens inside.
        port: u16,
    },
    /// A browser: the system's programs, an empty workspace, and `<door>/proxy.sock` as its only way
    /// out. What runs is told its port by [`PROXY_PORT`].
    Browser,
}

/// The variable that tells a browser the port of 127.0.0.1 at which its proxy is.
pub const PROXY_PORT: &str = "EKLAVYA_PROXY_PORT";
/// The name of the proxy's socket in the door of a browser.
pub const PROXY_SOCKET: &str = "proxy.sock";

impl SandboxProfile {
    /// What may be written in the workspace.
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

    /// How `.git` is guarded; `None` where the tree is thrown away and needs no guard.
    pub(super) fn git_access(self) -> Option<GitAccess> {
        match self {
            SandboxProfile::Agent(role) => Some(policy::role_policy(role).git),
            SandboxProfile::Command(_)
            | SandboxProfile::Preview { .. }
            | SandboxProfile::Browser => None,
        }
    }

    /// Which sockets what runs may make.
    pub(super) fn allowed_sockets(self) -> AllowedSockets {
        if self.has_shell() {
            AllowedSockets::Local
        } else {
            AllowedSockets::Tcp
        }
    }

    /// Whether a shell and the system's programs are there.
    pub(super) fn has_shell(self) -> bool {
        match self {
            SandboxProfile::Agent(role) => policy::role_policy(role).has_shell(),
            SandboxProfile::Command(_)
            | SandboxProfile::Preview { .. }
            | SandboxProfile::Browser => true,
        }
    }
}

/// The sockets that a program may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AllowedSockets {
    /// TCP alone, for the CLI on its own: it talks to its door and to nobody else.
    Tcp,
    /// TCP, UDP and unix sockets, where people's programs run: test servers and databases listen on
    /// them, multiprocessing talks through them. All of it stays in the sandbox: the network is its
    /// own, so are the names of abstract sockets, and of the machine's files no socket is mounted
    /// but the agent's own door.
    Local,
}

/// The unprivileged user to whom root hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxUser {
    /// User id, never 0.
    pub uid: u32,
    /// Group id, never 0.
    pub gid: u32,
}

/// Bytes of a sandbox's temporary file systems unless the caller says otherwise: they live in
/// memory.
pub const TMP_BYTES: u64 = 512 * 1024 * 1024;

/// Bytes that workspace and home together may take on the disk unless the caller says otherwise.
pub const DISK_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A sandbox to be: what it is for and which directories of the host it sees.
///
/// All paths are absolute and the same inside as outside. Nothing else of the host's is there, and
/// nothing of it may be a secret: what runs can read all of it.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    /// What it is for.
    pub profile: SandboxProfile,
    /// The clone or tree, the working directory of what runs.
    pub workspace: PathBuf,
    /// HOME, written by what runs, kept between runs.
    pub home: PathBuf,
    /// TMPDIR. In a sandbox an empty file system in memory lies over it; nothing in it is kept.
    pub tmp: PathBuf,
    /// Size of each temporary file system, in bytes.
    pub tmp_bytes: u64,
    /// The directory of the sockets: `gateway.sock` for an agent (the directory is read-only to
    /// it), `web.sock` for a preview (written by it).
    pub door: Option<PathBuf>,
    /// Programs (or directories of them) that are mounted read-only at their real paths, such as
    /// the Claude Code CLI. Symbolic links are resolved; [`Inner::program`] may name the link.
    pub tool_binaries: Vec<PathBuf>,
    /// Whom root becomes; required for root, ignored for everybody else.
    pub user: Option<SandboxUser>,
    /// Bytes that workspace and home together may take on the disk. Whoever starts the sandbox has
    /// to watch over it: see [`super::outgrown`].
    pub disk_bytes: u64,
    /// Keeps secrets out of what is kept of its output.
    pub redactor: Redactor,
    /// Guards that are left out, for tests that show what each is good for.
    #[doc(hidden)]
    pub disabled_layers: Vec<ProtectionLayer>,
    /// The file, out of reach of what runs, that names the process while it runs; see
    /// [`super::end_noted`].
    pub pid_file: Option<PathBuf>,
    /// What a container is labelled with, by `eklavya.` and these names, for people who look at
    /// containers.
    pub labels: BTreeMap<&'static str, String>,
}

impl SandboxSpec {
    /// Returns a sandbox over the directories of `dirs`, without a door.
    pub fn new(profile: SandboxProfile, dirs: &crate::workspace_dirs::WorkspaceDirs) -> Self {
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

    /// Whether `guard` stands.
    pub(super) fn is_enabled(&self, guard: ProtectionLayer) -> bool {
        !self.disabled_layers.contains(&guard)
    }

    /// Refuses paths that mean something else inside than outside.
    pub(super) fn validate(&self) -> Result<(), SandboxError> {
        let own = [&self.workspace, &self.home, &self.tmp];
        own.into_iter()
            .chain(&self.door)
            .chain(&self.tool_binaries)
            .try_for_each(|path| ensure_absolute(path))
    }

    /// Returns the real path of `program` where it is one of the tools, or else `program`.
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

/// The program that runs inside.
#[derive(Debug, Clone, Default)]
pub struct ProgramSpec {
    /// A path inside the sandbox, or a tool as the specification names it.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment. HOME and TMPDIR are added from the specification where they are
    /// missing, `ANTHROPIC_BASE_URL` by `sandbox-init` where there is a door to a gateway, PWD by
    /// bubblewrap.
    pub env: BTreeMap<OsString, OsString>,
    /// Where it starts; the workspace if not given.
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

    /// Adds a variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

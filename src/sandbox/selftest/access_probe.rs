//! The probes that are made in the sandbox of each role, and whether its row of the table allows them.

use serde::{Deserialize, Serialize};

use crate::role_policy::{FileAccess, GitAccess, NetworkClass, RolePolicy};

/// A column of the permission matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatrixColumn {
    /// The files of the clone and of the machine.
    FileSystem,
    Git,
    Terminal,
    Browser,
    SpawnAgents,
    Network,
}

impl MatrixColumn {
    /// All columns, in the order of the matrix.
    pub const ALL: [Self; 6] = [
        MatrixColumn::FileSystem,
        MatrixColumn::Git,
        MatrixColumn::Terminal,
        MatrixColumn::Browser,
        MatrixColumn::SpawnAgents,
        MatrixColumn::Network,
    ];

    /// Returns its name for users.
    pub fn name(self) -> &'static str {
        match self {
            MatrixColumn::FileSystem => "file system",
            MatrixColumn::Git => "git",
            MatrixColumn::Terminal => "terminal",
            MatrixColumn::Browser => "browser",
            MatrixColumn::SpawnAgents => "spawn agents",
            MatrixColumn::Network => "network",
        }
    }
}

/// A part of the clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ClonePart {
    /// The top directory itself.
    Top,
    Src,
    Docs,
    Tests,
}

impl ClonePart {
    /// Returns its path in the clone.
    pub(crate) fn path(self) -> &'static str {
        match self {
            ClonePart::Top => "",
            ClonePart::Src => "src",
            ClonePart::Docs => "docs",
            ClonePart::Tests => "tests",
        }
    }
}

/// A kind of hosts, each represented by one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostKind {
    /// On the list of documentation hosts.
    Research,
    /// On the list of registries.
    Packages,
    /// On the list of metrics endpoints.
    Metrics,
    /// A preview of the same project.
    Preview,
    /// On no list, with a public address.
    Public,
    /// On no list, with an address of this machine.
    Private,
}

impl HostKind {
    pub const ALL: [Self; 6] = [
        HostKind::Research,
        HostKind::Packages,
        HostKind::Metrics,
        HostKind::Preview,
        HostKind::Public,
        HostKind::Private,
    ];

    fn is_allowed_by(self, class: NetworkClass) -> bool {
        match class {
            NetworkClass::Internal => false,
            NetworkClass::Research => self == HostKind::Research,
            NetworkClass::PackageManagers => self == HostKind::Packages,
            NetworkClass::Metrics => self == HostKind::Metrics,
            NetworkClass::TestOnly => self == HostKind::Preview,
            NetworkClass::Full => !matches!(self, HostKind::Preview | HostKind::Private),
        }
    }
}

/// An access that every role tries, whether its row allows it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AccessProbe {
    /// Read a file of the clone.
    ReadClone,
    /// Create a file in a part of the clone.
    Write(ClonePart),
    /// Read a file of the machine.
    ReadOutside,
    /// Create a file on the machine.
    WriteOutside,
    /// Read `.git/HEAD`.
    ReadHistory,
    /// Run git to print the current branch.
    AskGit,
    /// Create a branch.
    WriteBranch,
    /// Open `.git/config` for writing.
    WriteConfig,
    /// Create a hook.
    WriteHook,
    /// Run a line in a shell.
    RunShell,
    /// Run a program that the role wrote itself.
    RunOwn,
    /// Connect to a port of the machine.
    ConnectToMachine,
    /// Send a request to the door.
    AskDoor,
    /// Send a request to a host through the door's proxy.
    Reach(HostKind),
}

impl AccessProbe {
    /// All probes, in the order in which they are made.
    pub(crate) const ALL: [Self; 22] = [
        AccessProbe::ReadClone,
        AccessProbe::Write(ClonePart::Top),
        AccessProbe::Write(ClonePart::Src),
        AccessProbe::Write(ClonePart::Docs),
        AccessProbe::Write(ClonePart::Tests),
        AccessProbe::ReadOutside,
        AccessProbe::WriteOutside,
        AccessProbe::ReadHistory,
        AccessProbe::AskGit,
        AccessProbe::WriteBranch,
        AccessProbe::WriteConfig,
        AccessProbe::WriteHook,
        AccessProbe::RunShell,
        AccessProbe::RunOwn,
        AccessProbe::ConnectToMachine,
        AccessProbe::AskDoor,
        AccessProbe::Reach(HostKind::Research),
        AccessProbe::Reach(HostKind::Packages),
        AccessProbe::Reach(HostKind::Metrics),
        AccessProbe::Reach(HostKind::Preview),
        AccessProbe::Reach(HostKind::Public),
        AccessProbe::Reach(HostKind::Private),
    ];

    /// Returns the column of the matrix that it belongs to.
    pub(crate) fn column(self) -> MatrixColumn {
        match self {
            AccessProbe::ReadClone
            | AccessProbe::Write(_)
            | AccessProbe::ReadOutside
            | AccessProbe::WriteOutside => MatrixColumn::FileSystem,
            AccessProbe::ReadHistory
            | AccessProbe::AskGit
            | AccessProbe::WriteBranch
            | AccessProbe::WriteConfig
            | AccessProbe::WriteHook => MatrixColumn::Git,
            AccessProbe::RunShell | AccessProbe::RunOwn => MatrixColumn::Terminal,
            AccessProbe::ConnectToMachine | AccessProbe::AskDoor | AccessProbe::Reach(_) => {
                MatrixColumn::Network
            }
        }
    }

    /// Whether a role's row allows it.
    pub(crate) fn is_allowed(self, row: &RolePolicy) -> bool {
        match self {
            AccessProbe::ReadClone | AccessProbe::AskDoor => true,
            AccessProbe::Write(part) => match row.files {
                FileAccess::Read => false,
                FileAccess::Write(prefixes) => prefixes.contains(&part.path()),
                FileAccess::Full => true,
            },
            AccessProbe::ReadHistory | AccessProbe::AskGit => row.git != GitAccess::No,
            AccessProbe::WriteBranch => row.git == GitAccess::Full,
            AccessProbe::RunShell | AccessProbe::RunOwn => row.has_shell(),
            AccessProbe::Reach(destination) => destination.is_allowed_by(row.network),
            // A role that could write the config or the hooks could make git run programs.
            AccessProbe::ReadOutside
            | AccessProbe::WriteOutside
            | AccessProbe::WriteConfig
            | AccessProbe::WriteHook
            | AccessProbe::ConnectToMachine => false,
        }
    }

    /// Returns the words that follow "could", e.g. `write docs`.
    pub(crate) fn description(self) -> &'static str {
        match self {
            AccessProbe::ReadClone => "read the clone",
            AccessProbe::Write(ClonePart::Top) => "write beside the directories",
            AccessProbe::Write(ClonePart::Src) => "write src",
            AccessProbe::Write(ClonePart::Docs) => "write docs",
            AccessProbe::Write(ClonePart::Tests) => "write tests",
            AccessProbe::ReadOutside => "read a file of the machine",
            AccessProbe::WriteOutside => "write on the machine",
            AccessProbe::ReadHistory => "read .git",
            AccessProbe::AskGit => "ask git",
            AccessProbe::WriteBranch => "make a branch",
            AccessProbe::WriteConfig => "write .git/config",
            AccessProbe::WriteHook => "write a hook",
            AccessProbe::RunShell => "run a shell",
            AccessProbe::RunOwn => "run a program of its own",
            AccessProbe::ConnectToMachine => "connect to a port of the machine",
            AccessProbe::AskDoor => "ask at its door",
            AccessProbe::Reach(HostKind::Research) => "reach documentation",
            AccessProbe::Reach(HostKind::Packages) => "reach a registry",
            AccessProbe::Reach(HostKind::Metrics) => "reach metrics",
            AccessProbe::Reach(HostKind::Preview) => "reach a preview",
            AccessProbe::Reach(HostKind::Public) => "reach a public host",
            AccessProbe::Reach(HostKind::Private) => "reach a private address",
        }
    }
}

/// The outcome of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeOutcome {
    pub(crate) attempt: AccessProbe,
    /// The reason why it failed; `None` if it succeeded.
    pub(crate) refused: Option<String>,
}

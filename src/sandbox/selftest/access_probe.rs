//! What is tried in the sandbox of each role, and what its row of the table says about it.

use serde::{Deserialize, Serialize};

use crate::role_policy::{FileAccess, GitAccess, NetworkClass, RolePolicy};

/// A column of the permission matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatrixColumn {
    /// The files of the clone, and those of the machine.
    FileSystem,
    /// The history.
    Git,
    /// Commands.
    Terminal,
    /// Browsing.
    Browser,
    /// Other agents.
    SpawnAgents,
    /// Hosts.
    Network,
}

impl MatrixColumn {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 6] = [
        MatrixColumn::FileSystem,
        MatrixColumn::Git,
        MatrixColumn::Terminal,
        MatrixColumn::Browser,
        MatrixColumn::SpawnAgents,
        MatrixColumn::Network,
    ];

    /// Returns what people call it.
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
pub enum ClonePart {
    /// Beside its directories.
    Top,
    /// `src`.
    Src,
    /// `docs`.
    Docs,
    /// `tests`.
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

/// A host that stands for those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostKind {
    /// On the list of documentation.
    Research,
    /// On the list of registries.
    Packages,
    /// On the list of metrics.
    Metrics,
    /// A preview of the own project.
    Preview,
    /// On no list, with an address that anybody may have.
    Public,
    /// On no list, with an address of this machine.
    Private,
}

impl HostKind {
    /// All of them.
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

/// Something that is tried by every role, whether its row allows it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccessProbe {
    /// Reading a file of the clone.
    ReadClone,
    /// Making a file in a part of the clone.
    Write(ClonePart),
    /// Reading a file of the machine.
    ReadOutside,
    /// Making a file on the machine.
    WriteOutside,
    /// Reading `.git/HEAD`.
    ReadHistory,
    /// Asking git where it is.
    AskGit,
    /// Making a branch.
    WriteBranch,
    /// Changing `.git/config`.
    WriteConfig,
    /// Making a hook.
    WriteHook,
    /// Running a line in a shell.
    RunShell,
    /// Running a program that the role wrote itself.
    RunOwn,
    /// Connecting to a port of the machine.
    ConnectToMachine,
    /// Asking at the door to the model.
    AskDoor,
    /// Asking a host through the door's proxy.
    Reach(HostKind),
}

impl AccessProbe {
    /// Those that every sandbox sees, in the order in which they are made.
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

    /// Returns the column that it belongs to.
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
            // Whoever writes the two of git makes it run programs.
            AccessProbe::ReadOutside
            | AccessProbe::WriteOutside
            | AccessProbe::WriteConfig
            | AccessProbe::WriteHook
            | AccessProbe::ConnectToMachine => false,
        }
    }

    /// Returns what was to be done, after "could": `write docs`.
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

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeOutcome {
    /// What was tried.
    pub attempt: AccessProbe,
    /// Why it did not work; nothing where it did.
    pub refused: Option<String>,
}

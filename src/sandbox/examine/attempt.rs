//! What is tried in the sandbox of each role, and what its row of the table says about it.

use serde::{Deserialize, Serialize};

use crate::policy::{FileAccess, GitAccess, NetworkClass, RolePolicy};

/// A column of the permission matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Column {
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

impl Column {
    /// All of them, in the order of the matrix.
    pub const ALL: [Self; 6] = [
        Column::FileSystem,
        Column::Git,
        Column::Terminal,
        Column::Browser,
        Column::SpawnAgents,
        Column::Network,
    ];

    /// Returns what people call it.
    pub fn name(self) -> &'static str {
        match self {
            Column::FileSystem => "file system",
            Column::Git => "git",
            Column::Terminal => "terminal",
            Column::Browser => "browser",
            Column::SpawnAgents => "spawn agents",
            Column::Network => "network",
        }
    }
}

/// A part of the clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Beside its directories.
    Top,
    /// `src`.
    Src,
    /// `docs`.
    Docs,
    /// `tests`.
    Tests,
}

impl Part {
    /// Returns its path in the clone.
    pub(super) fn path(self) -> &'static str {
        match self {
            Part::Top => "",
            Part::Src => "src",
            Part::Docs => "docs",
            Part::Tests => "tests",
        }
    }
}

/// A host that stands for those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destination {
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

impl Destination {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Destination::Research,
        Destination::Packages,
        Destination::Metrics,
        Destination::Preview,
        Destination::Public,
        Destination::Private,
    ];

    fn is_within(self, class: NetworkClass) -> bool {
        match class {
            NetworkClass::Internal => false,
            NetworkClass::Research => self == Destination::Research,
            NetworkClass::PackageManagers => self == Destination::Packages,
            NetworkClass::Metrics => self == Destination::Metrics,
            NetworkClass::TestOnly => self == Destination::Preview,
            NetworkClass::Full => !matches!(self, Destination::Preview | Destination::Private),
        }
    }
}

/// Something that is tried by every role, whether its row allows it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Attempt {
    /// Reading a file of the clone.
    ReadClone,
    /// Making a file in a part of the clone.
    Write(Part),
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
    Reach(Destination),
}

impl Attempt {
    /// Those that every sandbox sees, in the order in which they are made.
    pub(super) const ALL: [Self; 22] = [
        Attempt::ReadClone,
        Attempt::Write(Part::Top),
        Attempt::Write(Part::Src),
        Attempt::Write(Part::Docs),
        Attempt::Write(Part::Tests),
        Attempt::ReadOutside,
        Attempt::WriteOutside,
        Attempt::ReadHistory,
        Attempt::AskGit,
        Attempt::WriteBranch,
        Attempt::WriteConfig,
        Attempt::WriteHook,
        Attempt::RunShell,
        Attempt::RunOwn,
        Attempt::ConnectToMachine,
        Attempt::AskDoor,
        Attempt::Reach(Destination::Research),
        Attempt::Reach(Destination::Packages),
        Attempt::Reach(Destination::Metrics),
        Attempt::Reach(Destination::Preview),
        Attempt::Reach(Destination::Public),
        Attempt::Reach(Destination::Private),
    ];

    /// Returns the column that it belongs to.
    pub(super) fn column(self) -> Column {
        match self {
            Attempt::ReadClone
            | Attempt::Write(_)
            | Attempt::ReadOutside
            | Attempt::WriteOutside => Column::FileSystem,
            Attempt::ReadHistory
            | Attempt::AskGit
            | Attempt::WriteBranch
            | Attempt::WriteConfig
            | Attempt::WriteHook => Column::Git,
            Attempt::RunShell | Attempt::RunOwn => Column::Terminal,
            Attempt::ConnectToMachine | Attempt::AskDoor | Attempt::Reach(_) => Column::Network,
        }
    }

    /// Whether a role's row allows it.
    pub(super) fn is_allowed(self, row: &RolePolicy) -> bool {
        match self {
            Attempt::ReadClone | Attempt::AskDoor => true,
            Attempt::Write(part) => match row.files {
                FileAccess::Read => false,
                FileAccess::Write(prefixes) => prefixes.contains(&part.path()),
                FileAccess::Full => true,
            },
            Attempt::ReadHistory | Attempt::AskGit => row.git != GitAccess::No,
            Attempt::WriteBranch => row.git == GitAccess::Full,
            Attempt::RunShell | Attempt::RunOwn => row.has_shell(),
            Attempt::Reach(destination) => destination.is_within(row.network),
            // Whoever writes the two of git makes it run programs.
            Attempt::ReadOutside
            | Attempt::WriteOutside
            | Attempt::WriteConfig
            | Attempt::WriteHook
            | Attempt::ConnectToMachine => false,
        }
    }

    /// Returns what was to be done, after "could": `write docs`.
    pub(super) fn what(self) -> &'static str {
        match self {
            Attempt::ReadClone => "read the clone",
            Attempt::Write(Part::Top) => "write beside the directories",
            Attempt::Write(Part::Src) => "write src",
            Attempt::Write(Part::Docs) => "write docs",
            Attempt::Write(Part::Tests) => "write tests",
            Attempt::ReadOutside => "read a file of the machine",
            Attempt::WriteOutside => "write on the machine",
            Attempt::ReadHistory => "read .git",
            Attempt::AskGit => "ask git",
            Attempt::WriteBranch => "make a branch",
            Attempt::WriteConfig => "write .git/config",
            Attempt::WriteHook => "write a hook",
            Attempt::RunShell => "run a shell",
            Attempt::RunOwn => "run a program of its own",
            Attempt::ConnectToMachine => "connect to a port of the machine",
            Attempt::AskDoor => "ask at its door",
            Attempt::Reach(Destination::Research) => "reach documentation",
            Attempt::Reach(Destination::Packages) => "reach a registry",
            Attempt::Reach(Destination::Metrics) => "reach metrics",
            Attempt::Reach(Destination::Preview) => "reach a preview",
            Attempt::Reach(Destination::Public) => "reach a public host",
            Attempt::Reach(Destination::Private) => "reach a private address",
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What was tried.
    pub attempt: Attempt,
    /// Why it did not work; nothing where it did.
    pub refused: Option<String>,
}

//! The permissions of each role: the one table from which mounts, tools and listings are derived.
//!
//! The operating system enforces the table: file access and git by mounts and by Landlock behind them,
//! "no terminal" by a root file system without a shell, and every network class by a network namespace
//! whose only way out is the door to the gateway. The gateway enforces the egress rules of the network
//! classes.

use serde::Serialize;

use eklavya_core::agent::role::Role;

/// What a role may do with the files of its clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAccess {
    /// Read all files, write none.
    Read,
    /// Read all files, write below these directories of the clone.
    Write(&'static [&'static str]),
    /// Read and write all files.
    Full,
}

/// What a role may do with the history in `.git`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitAccess {
    /// `.git` is hidden.
    No,
    /// `.git` is read-only: log, diff and status work; commits do not.
    Read,
    /// Commits, branches and merges; `.git/config` and `.git/hooks` stay read-only.
    Full,
}

/// The commands that a role may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalAccess {
    /// None: no shell is mounted.
    No,
    /// The project's test command, which runs in a sandbox of its own; no shell is mounted.
    TestCommand,
    /// Fixed diagnostics, which run in a sandbox of their own; no shell is mounted.
    Diagnostic,
    /// A shell inside the sandbox.
    Full,
}

/// Whether a role may browse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowserAccess {
    No,
    /// Through a browser in a sandbox of its own.
    Full,
}

/// Whether a role may request other agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnAccess {
    No,
    Yes,
}

/// The hosts that the gateway lets a role reach. Every role reaches the model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkClass {
    /// The orchestrator's own tools.
    Internal,
    /// Documentation and research hosts.
    Research,
    /// Package registries.
    PackageManagers,
    /// Demos and test servers of the project.
    TestOnly,
    /// Metrics endpoints.
    Metrics,
    /// Any public host, logged.
    Full,
}

/// One row of the permission matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePolicy {
    pub role: Role,
    pub files: FileAccess,
    pub git: GitAccess,
    pub terminal: TerminalAccess,
    pub browser: BrowserAccess,
    pub spawn: SpawnAccess,
    pub network: NetworkClass,
}

/// A row as text, for users and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRow {
    pub role: &'static str,
    /// "Read", "Read/Write (docs)" or "Full".
    pub file_system: String,
    /// "No", "Read" or "Full".
    pub git: &'static str,
    /// "No", "Test command", "Diagnostic" or "Full".
    pub terminal: &'static str,
    /// "No" or "Full".
    pub browser: &'static str,
    /// "No" or "Yes".
    pub spawn_agents: &'static str,
    /// "Internal", "Research", "Package managers", "Test only", "Metrics" or "Full".
    pub network: &'static str,
}

const DOCS: FileAccess = FileAccess::Write(&["docs"]);
const TESTS: FileAccess = FileAccess::Write(&["tests"]);

/// The table, in the order of [`Role::ALL`].
static TABLE: [RolePolicy; 10] = {
    use BrowserAccess::{Full as Browse, No as NoBrowser};
    use FileAccess::{Full as AllFiles, Read as ReadFiles};
    use GitAccess::{Full as FullGit, No as NoGit, Read as ReadGit};
    use NetworkClass::{Full as Public, Internal, Metrics, PackageManagers, Research, TestOnly};
    use Role::{Architect, Developer, Mentor, Monitor, Orchestrator, Pm, Qa, Sre, Tester, Uat};
    use SpawnAccess::{No as Alone, Yes as Leads};
    use TerminalAccess::{Diagnostic, Full as Shell, No as NoShell, TestCommand};
    [
        new_policy(
            Orchestrator,
            ReadFiles,
            ReadGit,
            NoShell,
            NoBrowser,
            Leads,
            Internal,
        ),
        new_policy(
            Architect, DOCS, ReadGit, NoShell, NoBrowser, Alone, Research,
        ),
        new_policy(
            Developer,
            AllFiles,
            FullGit,
            Shell,
            NoBrowser,
            Alone,
            PackageManagers,
        ),
        new_policy(
            Tester,
            TESTS,
            ReadGit,
            TestCommand,
            NoBrowser,
            Alone,
            TestOnly,
        ),
        new_policy(Qa, ReadFiles, ReadGit, TestCommand, Browse, Alone, TestOnly),
        new_policy(Pm, DOCS, ReadGit, NoShell, NoBrowser, Alone, Research),
        new_policy(Uat, ReadFiles, NoGit, NoShell, Browse, Alone, TestOnly),
        new_policy(Sre, AllFiles, FullGit, Shell, NoBrowser, Alone, Public),
        new_policy(
            Monitor, ReadFiles, ReadGit, Diagnostic, NoBrowser, Alone, Metrics,
        ),
        new_policy(Mentor, ReadFiles, ReadGit, NoShell, Browse, Alone, Research),
    ]
};

const fn new_policy(
    role: Role,
    files: FileAccess,
    git: GitAccess,
    terminal: TerminalAccess,
    browser: BrowserAccess,
    spawn: SpawnAccess,
    network: NetworkClass,
) -> RolePolicy {
    RolePolicy {
        role,
        files,
        git,
        terminal,
        browser,
        spawn,
        network,
    }
}

/// Returns the row of `role`.
pub fn role_policy(role: Role) -> &'static RolePolicy {
    &TABLE[role as usize]
}

impl RolePolicy {
    /// Whether a shell is mounted for this role.
    pub fn has_shell(&self) -> bool {
        self.terminal == TerminalAccess::Full
    }

    /// Whether this role may request other agents.
    pub fn may_spawn_agents(&self) -> bool {
        self.spawn == SpawnAccess::Yes
    }

    /// Returns the built-in tools that the CLI offers to this role (`--tools`).
    pub fn tools(&self) -> Vec<&'static str> {
        let mut tools = vec!["Read", "Glob", "Grep"];
        if self.files != FileAccess::Read {
            tools.extend(["Edit", "Write"]);
        }
        if self.has_shell() {
            tools.push("Bash");
        }
        tools
    }

    /// Returns the permission rules of this role (`--allowedTools`), relative to the clone.
    ///
    /// Only `Edit(path)` rules match files, also for the Write tool. Reading inside the clone needs no
    /// rule.
    pub fn allowed_tools(&self) -> Vec<String> {
        let mut rules = match self.files {
            FileAccess::Read => Vec::new(),
            FileAccess::Write(prefixes) => prefixes
                .iter()
                .map(|prefix| format!("Edit({prefix}/**)"))
                .collect(),
            FileAccess::Full => vec!["Edit(./**)".to_owned()],
        };
        if self.has_shell() {
            rules.push("Bash".to_owned());
        }
        rules
    }

    /// Returns the row as the texts of the permission matrix.
    pub fn to_row(&self) -> PolicyRow {
        PolicyRow {
            role: self.role.name(),
            file_system: match self.files {
                FileAccess::Read => "Read".to_owned(),
                FileAccess::Write(prefixes) => format!("Read/Write ({})", prefixes.join(", ")),
                FileAccess::Full => "Full".to_owned(),
            },
            git: match self.git {
                GitAccess::No => "No",
                GitAccess::Read => "Read",
                GitAccess::Full => "Full",
            },
            terminal: match self.terminal {
                TerminalAccess::No => "No",
                TerminalAccess::TestCommand => "Test command",
                TerminalAccess::Diagnostic => "Diagnostic",
                TerminalAccess::Full => "Full",
            },
            browser: match self.browser {
                BrowserAccess::No => "No",
                BrowserAccess::Full => "Full",
            },
            spawn_agents: match self.spawn {
                SpawnAccess::No => "No",
                SpawnAccess::Yes => "Yes",
            },
            network: match self.network {
                NetworkClass::Internal => "Internal",
                NetworkClass::Research => "Research",
                NetworkClass::PackageManagers => "Package managers",
                NetworkClass::TestOnly => "Test only",
                NetworkClass::Metrics => "Metrics",
                NetworkClass::Full => "Full",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn role_policy_returns_the_row_of_the_role() {
        for role in Role::ALL {
            assert_eq!(role_policy(role).role, role);
        }
    }

    #[test]
    fn a_role_has_the_bash_tool_exactly_if_it_has_a_shell() {
        for role in Role::ALL {
            let row = role_policy(role);
            assert_eq!(row.has_shell(), row.tools().contains(&"Bash"), "{role}");
            assert_eq!(
                row.has_shell(),
                row.allowed_tools().contains(&"Bash".to_owned()),
                "{role}"
            );
        }
    }

    #[test]
    fn the_policies_are_the_permission_matrix() {
        let mut text = String::new();
        for role in Role::ALL {
            let policy = role_policy(role);
            let row = policy.to_row();
            writeln!(
                text,
                "{} | {} | {} | {} | {} | {} | {}\n  --tools {}\n  --allowedTools {}",
                row.role,
                row.file_system,
                row.git,
                row.terminal,
                row.browser,
                row.spawn_agents,
                row.network,
                policy.tools().join(","),
                policy.allowed_tools().join(","),
            )
            .unwrap();
        }
        insta::assert_snapshot!(text);
    }
}

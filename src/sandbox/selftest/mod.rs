//! Testing what the sandbox guarantees on this machine: in sandboxes like those of agents, the `eklavya`
//! program itself tries what must be refused.
//!
//! The guarantees for all roles ([`Guarantee`]) are tested in the sandbox of a role without a shell. The
//! cells of the permission matrix ([`MatrixCell`]) are tested in a sandbox of each role
//! ([`TestWorkspace`]).

pub(crate) mod access_probe;
pub(crate) mod image_check;
pub(crate) mod matrix_cell;
pub(crate) mod probes;
pub(crate) mod selftest_main;
pub(crate) mod test_directory;
pub(crate) mod test_workspace;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::error::SandboxError;
use crate::inside::landlock_rules::NEWEST_LEVEL;
use crate::run::child::{SandboxChild, StdioStreams};
use crate::run::sandbox::Sandbox;
use crate::spec::{ProgramSpec, SandboxSpec};
use crate::user::SandboxUser;
use eklavya_core::agent::role::Role;

pub use crate::selftest::access_probe::{HostKind, MatrixColumn, ProbeOutcome};
pub use crate::selftest::matrix_cell::{MatrixCell, judge_cell};
pub use crate::selftest::probes::ANSWER;
pub use crate::selftest::selftest_main::{NAME, main};
pub use crate::selftest::test_directory::create_test_dir;
pub use crate::selftest::test_workspace::{ReachableHosts, TestWorkspace};

/// The argument that selects the guarantees for all roles.
const GUARANTEES: &str = "guarantees";
/// How long all probes in one sandbox may take together.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a sandbox guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Guarantee {
    /// The only files of the machine inside are the agent's own.
    Files,
    /// A role can write only what its row of the table allows.
    Roles,
    /// Landlock is a second layer behind the mounts.
    Landlock,
    /// System calls are filtered.
    Seccomp,
    /// No user namespace can be created.
    UserNamespaces,
    /// The network has nothing but the door.
    Network,
    /// Processes outside are not visible.
    Processes,
    /// Agents are not root and have no capability.
    Identity,
    /// Kernel settings cannot be written.
    KernelSettings,
    /// Memory, processes and files are limited.
    Limits,
}

impl Guarantee {
    const ALL: [Self; 10] = [
        Guarantee::Files,
        Guarantee::Roles,
        Guarantee::Landlock,
        Guarantee::Seccomp,
        Guarantee::UserNamespaces,
        Guarantee::Network,
        Guarantee::Processes,
        Guarantee::Identity,
        Guarantee::KernelSettings,
        Guarantee::Limits,
    ];

    /// Returns the consequence if the guarantee is not kept.
    pub fn consequence(self) -> &'static str {
        match self {
            Guarantee::Files => "agents can read other projects and your own files",
            Guarantee::Roles => "agents can change files that their role may only read",
            Guarantee::Landlock => "no second layer protects files if a mount fails to",
            Guarantee::Seccomp => "agents can use kernel interfaces that no program needs",
            Guarantee::UserNamespaces => {
                "agents can become root of a namespace, where kernel vulnerabilities are easiest to reach"
            }
            Guarantee::Network => "agents can connect to ports of this machine and to the Internet",
            Guarantee::Processes => "agents can see and signal processes of this machine",
            Guarantee::Identity => "agents run with privileges on this machine",
            Guarantee::KernelSettings => "agents can change how the kernel behaves",
            Guarantee::Limits => "an agent can exhaust memory, processes or disk space",
        }
    }
}

/// The result of testing a guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuaranteeFinding {
    pub guarantee: Guarantee,
    pub state: GuaranteeResult,
    /// What was tested, and the outcome.
    pub detail: String,
}

/// Whether a guarantee is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GuaranteeResult {
    Yes,
    /// In part; the detail states what is missing.
    Partly,
    No,
}

impl Sandbox {
    /// Tests each guarantee, in the order of [`Guarantee`], in a temporary directory below
    /// `parent`.
    ///
    /// # Errors
    /// The sandbox could not be started.
    pub async fn run_selftest(
        &self,
        user: Option<SandboxUser>,
        parent: &Path,
    ) -> Result<Vec<GuaranteeFinding>, SandboxError> {
        let workspace = TestWorkspace::new(self, Role::Architect, user, parent)?;
        let spec = SandboxSpec {
            door: None,
            ..workspace.spec()
        };
        let (stdout, stderr) = self
            .run_and_collect(&spec, guarantee_program(self, &workspace)?)
            .await?;
        let tested: Vec<GuaranteeFinding> = stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found = |guarantee| match guarantee {
            Guarantee::Landlock => landlock_finding(self.landlock()),
            _ => tested
                .iter()
                .find(|finding| finding.guarantee == guarantee)
                .cloned()
                .unwrap_or_else(|| untested_finding(guarantee, &stderr)),
        };
        Ok(Guarantee::ALL.map(found).into())
    }

    /// Runs `program` to its end. Returns its stdout and stderr.
    async fn run_and_collect(
        &self,
        spec: &SandboxSpec,
        program: ProgramSpec,
    ) -> Result<(String, String), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let streams = StdioStreams {
            stdin: Stdio::null(),
            ..StdioStreams::piped()
        };
        let mut child = self.spawn(spec, program, streams).await?;
        let collected = tokio::time::timeout(TIMEOUT, collect_output(&mut child)).await;
        let collected = collected.map_err(|_| prepare(io::ErrorKind::TimedOut.into()))?;
        let (stdout, stderr) = collected.map_err(prepare)?;
        let output = stderr.trim().to_owned();
        match child.wait().await {
            Ok(_) => Ok((stdout, output)),
            Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(other) => Err(other),
        }
    }
}

/// Returns the program that tests the guarantees for all roles.
fn guarantee_program(
    sandbox: &Sandbox,
    workspace: &TestWorkspace,
) -> Result<ProgramSpec, SandboxError> {
    let args: [OsString; 5] = [
        NAME.into(),
        GUARANTEES.into(),
        workspace.secret_path().into(),
        workspace.port()?.to_string().into(),
        std::process::id().to_string().into(),
    ];
    Ok(ProgramSpec::new(sandbox.own_program(), args))
}

fn untested_finding(guarantee: Guarantee, stderr: &str) -> GuaranteeFinding {
    GuaranteeFinding {
        guarantee,
        state: GuaranteeResult::No,
        detail: format!("it could not be tested: {stderr}"),
    }
}

/// Returns what a Landlock level covers.
fn landlock_finding(level: u32) -> GuaranteeFinding {
    let uncovered = list_uncovered(level);
    let in_force = format!("level {level} of {NEWEST_LEVEL}");
    let (state, detail) = match (level, uncovered.as_str()) {
        (0, _) => (
            GuaranteeResult::No,
            "the kernel has none, or it is disabled".to_owned(),
        ),
        (_, "") => (GuaranteeResult::Yes, in_force),
        (_, uncovered) => (
            GuaranteeResult::Partly,
            format!("{in_force}: it does not cover {uncovered}"),
        ),
    };
    GuaranteeFinding {
        guarantee: Guarantee::Landlock,
        state,
        detail,
    }
}

/// Lists what later levels of Landlock cover.
fn list_uncovered(level: u32) -> String {
    const COVERED_SINCE: [(u32, &str); 4] = [
        (3, "truncating files"),
        (4, "ports"),
        (5, "devices"),
        (6, "signals"),
    ];
    let later = COVERED_SINCE.iter().filter(|(since, _)| level < *since);
    later.map(|(_, what)| *what).collect::<Vec<_>>().join(", ")
}

async fn collect_output(child: &mut SandboxChild) -> io::Result<(String, String)> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    if let (Some(mut stdout), Some(mut stderr)) = (stdout, stderr) {
        tokio::try_join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err))?;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&out), text(&err)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_landlock_level_lists_what_it_does_not_cover() {
        assert_eq!(landlock_finding(0).state, GuaranteeResult::No);
        let old = landlock_finding(2);
        assert_eq!(old.state, GuaranteeResult::Partly);
        assert!(
            old.detail
                .ends_with("truncating files, ports, devices, signals"),
            "{old:?}"
        );
        assert_eq!(
            landlock_finding(5).detail,
            "level 5 of 7: it does not cover signals"
        );
        assert_eq!(landlock_finding(7).state, GuaranteeResult::Yes);
    }
}

//! What holds on this machine, found by trying it: sandboxes like those of agents, in which the
//! `eklavya` program itself reaches for what it must not get.
//!
//! What holds for all roles ([`Guarantee`]) is tried in the sandbox of one without a shell; the cells
//! of the permission matrix ([`Cell`]) are tried in a sandbox of each role ([`Ground`]).

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

pub use crate::selftest::access_probe::{
    AccessProbe, ClonePart, HostKind, MatrixColumn, ProbeOutcome,
};
pub use crate::selftest::matrix_cell::{MatrixCell, judge_cell};
pub use crate::selftest::probes::ANSWER;
pub use crate::selftest::selftest_main::{NAME, main};
pub use crate::selftest::test_directory::create_test_dir;
pub use crate::selftest::test_workspace::{ReachableHosts, TestWorkspace};

/// The word that asks for what holds for all roles.
const GUARANTEES: &str = "guarantees";
/// How long the attempts of one sandbox may take together.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is promised of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Guarantee {
    /// Nothing of the machine's files is there but the agent's own.
    Files,
    /// A role writes where its row of the table says.
    Roles,
    /// Landlock stands behind the mounts.
    Landlock,
    /// System calls are filtered.
    Seccomp,
    /// No user namespace can be made.
    UserNamespaces,
    /// The network is empty but for the door.
    Network,
    /// Other processes are out of sight.
    Processes,
    /// Agents are not root and have no capability.
    Identity,
    /// The settings of the kernel cannot be written.
    KernelSettings,
    /// Memory, processes and files are limited.
    Limits,
}

impl Guarantee {
    /// All of them.
    pub const ALL: [Self; 10] = [
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

    /// Returns what follows where it does not hold.
    pub fn consequence(self) -> &'static str {
        match self {
            Guarantee::Files => "agents can read other projects and your own files",
            Guarantee::Roles => "agents can change what their role may only read",
            Guarantee::Landlock => "a fault in the mounts would not be caught by a second layer",
            Guarantee::Seccomp => "agents can reach parts of the kernel that nobody needs",
            Guarantee::UserNamespaces => {
                "agents can become root of a namespace, where faults of the kernel are nearest"
            }
            Guarantee::Network => "agents can reach ports of this machine, and the Internet",
            Guarantee::Processes => "agents can see and signal processes of this machine",
            Guarantee::Identity => "agents run with privileges on this machine",
            Guarantee::KernelSettings => "agents can change how the kernel behaves",
            Guarantee::Limits => "an agent can use up memory, processes or the disk",
        }
    }
}

/// What was found of a guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuaranteeFinding {
    /// The guarantee.
    pub guarantee: Guarantee,
    /// How far it holds.
    pub state: GuaranteeResult,
    /// What was tried and what came of it.
    pub detail: String,
}

/// How far something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GuaranteeResult {
    /// It does.
    Yes,
    /// In part; the detail says what is missing.
    Partly,
    /// It does not.
    No,
}

impl Sandbox {
    /// Returns what holds of each guarantee, in the order of [`Guarantee::ALL`]. A directory of its
    /// own below `place` is made for the attempts, and removed.
    ///
    /// # Errors
    /// The sandbox could not be started at all.
    pub async fn run_selftest(
        &self,
        user: Option<SandboxUser>,
        place: &Path,
    ) -> Result<Vec<GuaranteeFinding>, SandboxError> {
        let ground = TestWorkspace::new(self, Role::Architect, user, place)?;
        let spec = SandboxSpec {
            door: None,
            ..ground.spec()
        };
        let (said, complaint) = self
            .run_and_collect(&spec, guarantee_program(self, &ground)?)
            .await?;
        let tried: Vec<GuaranteeFinding> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found = |guarantee| match guarantee {
            Guarantee::Landlock => landlock_finding(self.landlock()),
            _ => tried
                .iter()
                .find(|finding| finding.guarantee == guarantee)
                .cloned()
                .unwrap_or_else(|| untested_finding(guarantee, &complaint)),
        };
        Ok(Guarantee::ALL.map(found).into())
    }

    /// Runs `inner` to its end; returns what it said, and its complaints.
    async fn run_and_collect(
        &self,
        spec: &SandboxSpec,
        inner: ProgramSpec,
    ) -> Result<(String, String), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let streams = StdioStreams {
            stdin: Stdio::null(),
            ..StdioStreams::piped()
        };
        let mut child = self.spawn(spec, inner, streams).await?;
        let said = tokio::time::timeout(PATIENCE, collect_output(&mut child)).await;
        let said = said.map_err(|_| prepare(io::ErrorKind::TimedOut.into()))?;
        let (said, complaint) = said.map_err(prepare)?;
        let output = complaint.trim().to_owned();
        match child.wait().await {
            Ok(_) => Ok((said, output)),
            Err(SandboxError::Setup { .. }) => Err(SandboxError::Setup { output }),
            Err(other) => Err(other),
        }
    }
}

/// Returns the program that tries what holds for all roles.
fn guarantee_program(
    sandbox: &Sandbox,
    ground: &TestWorkspace,
) -> Result<ProgramSpec, SandboxError> {
    let args: [OsString; 5] = [
        NAME.into(),
        GUARANTEES.into(),
        ground.secret_path().into(),
        ground.port()?.to_string().into(),
        std::process::id().to_string().into(),
    ];
    Ok(ProgramSpec::new(sandbox.own_program(), args))
}

fn untested_finding(guarantee: Guarantee, complaint: &str) -> GuaranteeFinding {
    GuaranteeFinding {
        guarantee,
        state: GuaranteeResult::No,
        detail: format!("it could not be tried: {complaint}"),
    }
}

/// Returns what a level of Landlock means.
fn landlock_finding(level: u32) -> GuaranteeFinding {
    const MISSING: [(u32, &str); 4] = [
        (3, "emptying files"),
        (4, "ports"),
        (5, "devices"),
        (6, "signals"),
    ];
    let missing: Vec<&str> = MISSING
        .into_iter()
        .filter(|(since, _)| level < *since)
        .map(|(_, what)| what)
        .collect();
    let (state, detail) = match (level, missing.as_slice()) {
        (0, _) => (
            GuaranteeResult::No,
            "the kernel has none, or it is off".to_owned(),
        ),
        (_, []) => (
            GuaranteeResult::Yes,
            format!("level {level} of {NEWEST_LEVEL}"),
        ),
        (_, missing) => (
            GuaranteeResult::Partly,
            format!(
                "level {level} of {NEWEST_LEVEL}: it does not cover {}",
                missing.join(", ")
            ),
        ),
    };
    GuaranteeFinding {
        guarantee: Guarantee::Landlock,
        state,
        detail,
    }
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
    fn every_level_of_landlock_says_what_it_lacks() {
        assert_eq!(landlock_finding(0).state, GuaranteeResult::No);
        let old = landlock_finding(2);
        assert_eq!(old.state, GuaranteeResult::Partly);
        assert!(
            old.detail
                .ends_with("emptying files, ports, devices, signals"),
            "{old:?}"
        );
        assert_eq!(
            landlock_finding(5).detail,
            "level 5 of 7: it does not cover signals"
        );
        assert_eq!(landlock_finding(7).state, GuaranteeResult::Yes);
    }
}

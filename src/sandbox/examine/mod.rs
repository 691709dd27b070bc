//! What holds on this machine, found by trying it: sandboxes like those of agents, in which the
//! `eklavya` program itself reaches for what it must not get.
//!
//! What holds for all roles ([`Guarantee`]) is tried in the sandbox of one without a shell; the cells
//! of the permission matrix ([`Cell`]) are tried in a sandbox of each role ([`Ground`]).

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use super::child::Streams;
use super::error::SandboxError;
use super::spec::{Inner, Spec, User};
use super::territory::KNOWN_LEVEL;
use super::{Child, Sandbox};
use eklavya_core::domain::role::Role;

mod attempt;
mod cell;
mod directory;
mod ground;
mod inside;
mod tries;

pub use attempt::{Attempt, Column, Destination, Outcome, Part};
pub use cell::{Cell, judge};
pub use directory::directory_in;
pub use ground::{Beyond, Ground};
pub use inside::{NAME, main};
pub use tries::ANSWER;

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
pub struct Finding {
    /// The guarantee.
    pub guarantee: Guarantee,
    /// How far it holds.
    pub state: Holds,
    /// What was tried and what came of it.
    pub detail: String,
}

/// How far something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holds {
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
    pub async fn examine(
        &self,
        user: Option<User>,
        place: &Path,
    ) -> Result<Vec<Finding>, SandboxError> {
        let ground = Ground::new(self, Role::Architect, user, place)?;
        let spec = Spec {
            door: None,
            ..ground.spec()
        };
        let (said, complaint) = self.hear(&spec, guarantees(self, &ground)?).await?;
        let tried: Vec<Finding> = said
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found = |guarantee| match guarantee {
            Guarantee::Landlock => landlock(self.landlock()),
            _ => tried
                .iter()
                .find(|finding| finding.guarantee == guarantee)
                .cloned()
                .unwrap_or_else(|| unknown(guarantee, &complaint)),
        };
        Ok(Guarantee::ALL.map(found).into())
    }

    /// Runs `inner` to its end; returns what it said, and its complaints.
    async fn hear(&self, spec: &Spec, inner: Inner) -> Result<(String, String), SandboxError> {
        let prepare = |source| SandboxError::Prepare { source };
        let streams = Streams {
            stdin: Stdio::null(),
            ..Streams::piped()
        };
        let mut child = self.spawn(spec, inner, streams).await?;
        let said = tokio::time::timeout(PATIENCE, said(&mut child)).await;
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
fn guarantees(sandbox: &Sandbox, ground: &Ground) -> Result<Inner, SandboxError> {
    let args: [OsString; 5] = [
        NAME.into(),
        GUARANTEES.into(),
        ground.secret().into(),
        ground.port()?.to_string().into(),
        std::process::id().to_string().into(),
    ];
    Ok(Inner::new(sandbox.own_program(), args))
}

fn unknown(guarantee: Guarantee, complaint: &str) -> Finding {
    Finding {
        guarantee,
        state: Holds::No,
        detail: format!("it could not be tried: {complaint}"),
    }
}

/// Returns what a level of Landlock means.
fn landlock(level: u32) -> Finding {
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
        (0, _) => (Holds::No, "the kernel has none, or it is off".to_owned()),
        (_, []) => (Holds::Yes, format!("level {level} of {KNOWN_LEVEL}")),
        (_, missing) => (
            Holds::Partly,
            format!(
                "level {level} of {KNOWN_LEVEL}: it does not cover {}",
                missing.join(", ")
            ),
        ),
    };
    Finding {
        guarantee: Guarantee::Landlock,
        state,
        detail,
    }
}

async fn said(child: &mut Child) -> io::Result<(String, String)> {
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
        assert_eq!(landlock(0).state, Holds::No);
        let old = landlock(2);
        assert_eq!(old.state, Holds::Partly);
        assert!(
            old.detail
                .ends_with("emptying files, ports, devices, signals"),
            "{old:?}"
        );
        assert_eq!(
            landlock(5).detail,
            "level 5 of 7: it does not cover signals"
        );
        assert_eq!(landlock(7).state, Holds::Yes);
    }
}

//! Docker as isolation: one container for each agent, command and preview, with the same policy and
//! the same `sandbox-init` as under bubblewrap.
//!
//! What runs is this, where the container is the engine's child and not the relay's:
//!
//! 1. `eklavya sandbox-docker` ([`relay`]) stands for the container and may be killed in any way,
//! 2. `eklavya sandbox-init` ([`inside`]), in the container, ends when the first is gone,
//! 3. the program, behind Landlock and the filter of system calls.

mod container;
pub(crate) mod container_dir;
pub(crate) mod container_owner;
mod engine;
pub(crate) mod image;
pub(crate) mod image_store;
mod reap;
pub mod relay;
pub(crate) mod running_container;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use bollard::models::HostConfig;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

pub use crate::docker::image_store::{StoredImage, list_images, prune_images};
pub use crate::docker_error::DockerError;
pub use engine::DockerEngine;
pub use image::{BASE_IMAGE, ImageVariant, PullPolicy, build_image};

use super::Sandbox;
use super::error::SandboxError;
use super::spec::{ProgramSpec, SandboxSpec};
use crate::docker::container_dir::ContainerDir;
use crate::inside::container::container_init::ContainerInitConfig;
use crate::inside::container::mount_check;
use crate::inside::init;
use crate::launch::bubblewrap;
use crate::launch::inherited_fds::InheritedFds;
use crate::workspace_dirs;
use eklavya_core::process;
use image::AgentImages;
use relay::ContainerPlan;

/// What `sandbox-init` is told where the relay has the rest.
pub(super) const TAKE_OVER: &str = "docker";

/// What a container may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLimits {
    /// Memory, in MiB; there is no swap beside it.
    pub memory_mib: u32,
    /// Processors; nothing is all of them.
    pub cpus: Option<u32>,
    /// Processes and threads.
    pub pids: u32,
}

impl ContainerLimits {
    fn apply(self, host: &mut HostConfig) {
        let memory = Some(i64::from(self.memory_mib) << 20);
        host.memory = memory;
        host.memory_swap = memory;
        host.pids_limit = Some(self.pids.into());
        host.nano_cpus = self.cpus.map(|cpus| i64::from(cpus) * 1_000_000_000);
    }
}

/// Which engine is used, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerSettings {
    /// The engine's socket.
    pub socket: PathBuf,
    /// A directory, out of reach of agents, for what each container needs.
    pub stages: PathBuf,
    /// What tells this data directory from all others.
    pub installation: String,
    /// What a container may take.
    pub limits: ContainerLimits,
}

/// Docker, found to be usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerBackend {
    engine: DockerEngine,
    images: AgentImages,
    settings: DockerSettings,
}

impl DockerBackend {
    /// Returns the engine with the images of this version.
    ///
    /// # Errors
    /// It does not answer, or an image is missing or of another version.
    pub(super) async fn probe(settings: DockerSettings) -> Result<Self, DockerError> {
        let engine = DockerEngine::detect(&settings.socket).await?;
        let images = AgentImages::find(&engine).await?;
        Ok(Self {
            engine,
            images,
            settings,
        })
    }

    /// Returns what it was found by.
    pub fn settings(&self) -> &DockerSettings {
        &self.settings
    }

    /// Returns the engine.
    pub fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    fn labels(&self, spec: &SandboxSpec) -> HashMap<String, String> {
        let own = [(
            container_owner::INSTALLATION,
            self.settings.installation.clone(),
        )];
        let given = spec
            .labels
            .iter()
            .map(|(name, value)| (format!("eklavya.{name}"), value.clone()));
        own.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(given)
            .collect()
    }

    /// Returns `sandbox-docker` with all that it needs for `inner` in a container of `spec`.
    pub(super) fn command(
        &self,
        sandbox: &Sandbox,
        spec: &SandboxSpec,
        inner: &ProgramSpec,
        report: Option<OwnedFd>,
    ) -> Result<Command, SandboxError> {
        let owner = bubblewrap::resolve_user(spec)?;
        let user = owner.unwrap_or_else(workspace_dirs::current_user);
        let stage = ContainerDir::create(&self.settings.stages, user)?;
        let described = container::describe(sandbox, self, &stage, spec, user, owner);
        let described = described.inspect_err(|_| stage.remove())?;
        let expected = if spec.is_enabled(super::ProtectionLayer::Inodes) {
            described.expected
        } else {
            Vec::new()
        };
        let words = init::arguments(
            spec,
            inner,
            init::Enclosure::Container,
            sandbox.requirements,
        );
        let order = container_config(spec, inner, expected, words[1..].to_vec());
        let plan = ContainerPlan {
            engine: self.engine.clone(),
            stage,
            body: described.body,
            uid: user.uid,
            gid: user.gid,
        };
        let mut fds = InheritedFds::default();
        let order = fds.pass_args(&order.to_words())?;
        let text = serde_json::to_vec(&plan).map_err(|error| SandboxError::Prepare {
            source: error.into(),
        })?;
        let plan = fds.pass_text(&text)?;
        let report = report.map(|report| fds.pass(report)).transpose()?;
        let mut command = process::new_command(&sandbox.exe);
        command.args(relay::arguments(plan, order, report));
        // Ctrl-C in a terminal goes to its foreground group; agents end when their owner says so.
        command.process_group(0);
        fds.attach(&mut command)?;
        Ok(command)
    }
}

fn container_config(
    spec: &SandboxSpec,
    inner: &ProgramSpec,
    expected: Vec<mount_check::ExpectedMount>,
    words: Vec<OsString>,
) -> ContainerInitConfig {
    let cwd = inner.cwd.as_ref().unwrap_or(&spec.workspace).clone();
    let mut env = inner.env.clone();
    env.insert("PWD".into(), cwd.clone().into());
    ContainerInitConfig {
        env: env.into_iter().collect(),
        cwd,
        expected_mounts: expected,
        init_args: words,
    }
}

//! Docker as the isolation backend: one container for each agent, command and preview, with the same
//! policy and the same `sandbox-init` as with bubblewrap.
//!
//! These processes run; the container is a child of the engine, not of the relay:
//!
//! 1. `eklavya sandbox-docker` ([`relay`]) represents the container to the caller and may be killed by
//!    any signal,
//! 2. `eklavya sandbox-init` ([`crate::inside::container`]), in the container, ends when the relay has
//!    ended,
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
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bollard::models::HostConfig;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

pub use crate::docker::image_store::{StoredImage, list_images, prune_images};
pub use crate::docker_error::DockerError;
pub use engine::DockerEngine;
pub use image::{BASE_IMAGE, ImageVariant, PullPolicy, build_image};

use crate::error::SandboxError;
use crate::inside::container::container_init::ContainerInitConfig;
use crate::inside::container::mount_check::ExpectedMount;
use crate::inside::init_config::{Enclosure, InitConfig};
use crate::launch::host_programs::HostPrograms;
use crate::launch::inherited_fds::InheritedFds;
use crate::plan::init_config::plan_init;
use crate::protection_layer::ProtectionLayer;
use crate::spec::{KernelRequirements, ProgramSpec, SandboxSpec};
use crate::user;
use container_dir::ContainerDir;
use eklavya_core::process;
use image::AgentImages;
use relay::ContainerPlan;

/// The resources that a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLimits {
    /// Memory, in MiB. Containers get no swap.
    pub memory_mib: u32,
    /// Processors; `None` for all of them.
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

/// How to use an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerSettings {
    /// The engine's socket.
    pub socket: PathBuf,
    /// The directory, out of the agents' reach, of the directories of containers.
    pub stages: PathBuf,
    /// Identifies this data directory.
    pub installation: String,
    pub limits: ContainerLimits,
}

/// A usable engine with the images of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerBackend {
    engine: DockerEngine,
    images: AgentImages,
    settings: DockerSettings,
}

impl DockerBackend {
    /// Connects to the engine and looks up the images of this version.
    ///
    /// # Errors
    /// The engine does not answer, or an image is missing or of another version.
    pub(super) async fn probe(settings: DockerSettings) -> Result<Self, DockerError> {
        let engine = DockerEngine::detect(&settings.socket).await?;
        let images = AgentImages::find(&engine).await?;
        Ok(Self {
            engine,
            images,
            settings,
        })
    }

    pub fn settings(&self) -> &DockerSettings {
        &self.settings
    }

    pub(crate) fn engine(&self) -> &DockerEngine {
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

    /// Returns the `sandbox-docker` command that runs `program` in a container of `spec`. The relay
    /// reports to `status` as bubblewrap does.
    pub(super) fn command(
        &self,
        programs: &HostPrograms,
        requirements: KernelRequirements,
        spec: &SandboxSpec,
        program: &ProgramSpec,
        status: Option<OwnedFd>,
    ) -> Result<Command, SandboxError> {
        let owner = user::resolve_user(spec.user)?;
        let user = owner.unwrap_or_else(user::current_user);
        let directory = ContainerDir::create(&self.settings.stages, user)?;
        let described = container::describe(&programs.exe, self, &directory, spec, user, owner);
        let described = described.inspect_err(|_| directory.remove())?;
        let expected = if spec.is_enabled(ProtectionLayer::Inodes) {
            described.expected
        } else {
            Vec::new()
        };
        let init = plan_init(spec, program, Enclosure::Container, requirements);
        let config = container_config(spec, program, expected, &init);
        let plan = ContainerPlan {
            engine: self.engine.clone(),
            stage: directory,
            body: described.body,
            uid: user.uid,
            gid: user.gid,
        };
        relay_command(&programs.exe, &plan, &config, status)
    }
}

fn relay_command(
    exe: &Path,
    plan: &ContainerPlan,
    config: &ContainerInitConfig,
    status: Option<OwnedFd>,
) -> Result<Command, SandboxError> {
    let mut fds = InheritedFds::default();
    let config = fds.pass_args(&config.to_words())?;
    let text = serde_json::to_vec(plan).map_err(|error| SandboxError::Prepare {
        source: error.into(),
    })?;
    let plan = fds.pass_text(&text)?;
    let status = status.map(|status| fds.pass(status)).transpose()?;
    let mut command = process::new_command(exe);
    command.args(relay::arguments(plan, config, status));
    // Not the terminal's foreground group, which gets Ctrl-C: the owner decides when agents end.
    command.process_group(0);
    fds.attach(&mut command)?;
    Ok(command)
}

fn container_config(
    spec: &SandboxSpec,
    program: &ProgramSpec,
    expected_mounts: Vec<ExpectedMount>,
    init: &InitConfig,
) -> ContainerInitConfig {
    let cwd = program.cwd.as_ref().unwrap_or(&spec.workspace).clone();
    let mut env = program.env.clone();
    env.insert("PWD".into(), cwd.clone().into());
    ContainerInitConfig {
        env: env.into_iter().collect(),
        cwd,
        expected_mounts,
        init_args: init.to_words(),
    }
}

//! What holds agents, and what they reach: `sandbox.*`, `docker.*`, `browser.*`, `egress.*`

use std::time::Duration;

use camino::Utf8PathBuf;

use super::reader::SettingsReader;
use crate::error::ConfigError;
use eklavya_core::egress::HostList;
use eklavya_core::project::isolation::IsolationKind;

/// Sizes and limits of sandboxes.
#[derive(Debug, Clone, Copy)]
pub struct SandboxSettings {
    /// What holds agents, where their project does not say.
    pub isolation: IsolationKind,
    /// Size of the temporary directory.
    pub tmp_bytes: u64,
    /// What clone and home may take on the disk together.
    pub disk_bytes: u64,
    /// Least version of Landlock.
    pub min_landlock_abi: u32,
    /// Longest run of a test command or check.
    pub test_timeout: Duration,
    /// As root, agents of project n run as this user id plus n.
    pub uid_base: u32,
}

impl SandboxSettings {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            isolation: read.isolation("sandbox.isolation")?,
            tmp_bytes: read.integer("sandbox.tmpBytes")?,
            disk_bytes: read.integer("sandbox.diskBytes")?,
            min_landlock_abi: read.integer("sandbox.landlock")?,
            test_timeout: read.seconds("sandbox.testTimeoutSeconds")?,
            uid_base: read.integer("sandbox.uidBase")?,
        })
    }
}

/// The Docker engine, and what its containers may take.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// The engine's socket.
    pub socket: Utf8PathBuf,
    /// Memory of one container, in MiB.
    pub memory_mib: u32,
    /// Processors of one container; nothing is all of them.
    pub cpus: Option<u32>,
    /// Processes and threads of one container.
    pub pids: u32,
}

impl DockerConfig {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            socket: read
                .path("docker.socket")?
                .ok_or(ConfigError::TypeMismatch("docker.socket"))?,
            memory_mib: read.integer("docker.memoryMib")?,
            cpus: read.optional_integer("docker.cpus")?,
            pids: read.integer("docker.pids")?,
        })
    }
}

/// The browser of agents.
#[derive(Debug, Clone)]
pub struct BrowserSettings {
    /// Whether it is used where there is one.
    pub enabled: bool,
    /// The Chromium, where it is not the one on PATH.
    pub path: Option<Utf8PathBuf>,
    /// What the browser of one agent may take of the memory, in MiB.
    pub memory_mib: u64,
}

impl BrowserSettings {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            enabled: read.required_text("browser.use")? == "auto",
            path: read.path("browser.path")?,
            memory_mib: read.integer("browser.memoryMib")?,
        })
    }
}

/// Hosts that agents reach, by the network class of their role.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Registries of packages.
    pub packages: HostList,
    /// Documentation.
    pub research: HostList,
    /// Metrics.
    pub metrics: HostList,
    /// Those of them whose addresses need not be public.
    pub private: HostList,
    /// Most bytes of one connection; nothing is no limit.
    pub max_connection_bytes: Option<u64>,
}

impl EgressSettings {
    pub(crate) fn read(read: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            packages: read.hosts("egress.packages")?,
            research: read.hosts("egress.research")?,
            metrics: read.hosts("egress.metrics")?,
            private: read.hosts("egress.private")?,
            max_connection_bytes: read.optional_integer("egress.maxBytes")?,
        })
    }
}

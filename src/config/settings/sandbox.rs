//! The isolation of agents and the hosts that they reach: `sandbox.*`, `docker.*`, `browser.*`, `egress.*`

use std::time::Duration;

use camino::Utf8PathBuf;

use super::reader::SettingsReader;
use crate::error::ConfigError;
use eklavya_core::egress::HostList;
use eklavya_core::project::isolation::IsolationKind;

#[derive(Debug, Clone, Copy)]
pub struct SandboxSettings {
    /// Isolation backend of projects that do not set their own.
    pub isolation: IsolationKind,
    /// Size of the temporary directory, in bytes.
    pub tmp_bytes: u64,
    /// Disk space for clone and home together, in bytes.
    pub disk_bytes: u64,
    /// Minimum Landlock version; 0 allows a kernel without Landlock.
    pub min_landlock_abi: u32,
    /// Maximum run time of a test command or check.
    pub test_timeout: Duration,
    /// If eklavya runs as root, agents of project n run as this user id plus n.
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

/// The Docker engine, and the limits of its containers.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    pub socket: Utf8PathBuf,
    /// Memory limit of one container without swap, in MiB.
    pub memory_mib: u32,
    /// Processors of one container; `None` is all of them.
    pub cpus: Option<u32>,
    /// Maximum processes and threads of one container.
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

#[derive(Debug, Clone)]
pub struct BrowserSettings {
    /// Whether agents use a browser if one is installed.
    pub enabled: bool,
    /// The Chromium, if not the one on PATH.
    pub path: Option<Utf8PathBuf>,
    /// Memory limit of the browser of one agent, in MiB.
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

/// Hosts that agents may reach, by the network class of their role.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Package registries.
    pub packages: HostList,
    /// Documentation.
    pub research: HostList,
    /// Metrics.
    pub metrics: HostList,
    /// Hosts of these lists that may have private addresses.
    pub private: HostList,
    /// Maximum bytes of one connection; `None` is no limit.
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

//! The typed and checked configuration.

pub(crate) mod execution;
mod model;
mod reader;
pub(crate) mod sandbox;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

pub use self::model::ModelSettings;
use self::reader::SettingsReader;
use super::environment::ProcessEnvironment;
use super::error::ConfigError;
use super::layers::{ConfigLayers, ConfigOverride};
use crate::data_directory::DataDirectory;
use crate::remote_server::RemoteServer;
pub use crate::settings::execution::{AgentLimits, BudgetLimits, StageSettings, WorkerSettings};
pub use crate::settings::sandbox::{
    BrowserSettings, DockerConfig, EgressSettings, SandboxSettings,
};

#[derive(Debug, Clone)]
pub struct Config {
    pub home: DataDirectory,
    /// `model.*`
    pub model: ModelSettings,
    /// `store.*`: the PostgreSQL server; `None` for SQLite.
    pub store: Option<RemoteServer>,
    /// `store.patienceSeconds`: the maximum wait for an unavailable database.
    pub store_retry_timeout: Duration,
    /// `worker.*`
    pub worker: WorkerSettings,
    /// `bus.*`: the Redis server; `None` for the bus inside the process.
    pub bus: Option<RemoteServer>,
    /// `pricing.file`: replaces the built-in price table.
    pub pricing_file: Option<Utf8PathBuf>,
    /// `claude.path`: the CLI, if not the one on PATH.
    pub claude_path: Option<Utf8PathBuf>,
    /// `claude.*` and `agents.*`
    pub agents: AgentLimits,
    /// `plan.*`, `demo.*`, `build.*`, `verify.*`
    pub stages: StageSettings,
    /// `budget.*`
    pub budget: BudgetLimits,
    /// `sandbox.*`
    pub sandbox: SandboxSettings,
    /// `browser.*`
    pub browser: BrowserSettings,
    /// `egress.*`
    pub egress: EgressSettings,
    /// `secrets.keyFile`: the file with the key of secrets, if not in the data directory.
    pub secret_key_file: Option<Utf8PathBuf>,
    /// `docker.*`
    pub docker: DockerConfig,
    /// `log.level`: `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
}

impl Config {
    /// Reads the layers (see [`ConfigLayers::read`]) and returns them both typed and raw.
    pub fn load(
        home: DataDirectory,
        environment: &ProcessEnvironment,
        overrides: &[ConfigOverride],
        working_directory: &Utf8Path,
    ) -> Result<(Self, ConfigLayers), ConfigError> {
        let layers = ConfigLayers::read(&home, environment, overrides, working_directory)?;
        let config = Self::from_layers(home, environment, &SettingsReader(&layers))?;
        Ok((config, layers))
    }

    fn from_layers(
        home: DataDirectory,
        environment: &ProcessEnvironment,
        read: &SettingsReader<'_>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            home,
            model: ModelSettings::read(environment, read)?,
            store: read.remote("store.url", "store.passwordFile")?,
            store_retry_timeout: read.seconds("store.patienceSeconds")?,
            worker: WorkerSettings::read(read)?,
            bus: read.remote("bus.url", "bus.passwordFile")?,
            pricing_file: read.path("pricing.file")?,
            claude_path: read.path("claude.path")?,
            agents: AgentLimits::read(read)?,
            stages: StageSettings::read(read)?,
            budget: BudgetLimits::read(read)?,
            sandbox: SandboxSettings::read(read)?,
            browser: BrowserSettings::read(read)?,
            egress: EgressSettings::read(read)?,
            secret_key_file: read.path("secrets.keyFile")?,
            docker: DockerConfig::read(read)?,
            log_level: read.required_text("log.level")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataDirectoryOrigin, KEYS, ValueKind};
    use eklavya_core::agent::role::Role;
    use eklavya_core::project::isolation::IsolationKind;

    fn load(overrides: &[ConfigOverride]) -> Config {
        let home = DataDirectory {
            path: "/nowhere/eklavya".into(),
            origin: DataDirectoryOrigin::Default,
        };
        let environment = ProcessEnvironment::default();
        Config::load(home, &environment, overrides, Utf8Path::new("/"))
            .unwrap()
            .0
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = load(&[]);
        assert_eq!(config.agents.parallel, 4);
        assert_eq!(config.model.first_byte, Duration::from_mins(3));
        assert_eq!(config.budget.overall, None);
        assert_eq!(config.sandbox.uid_base, 700_000);
        assert_eq!(config.model.requests_per_minute, None);
        assert!(config.bus.is_none());
        assert_eq!(config.sandbox.isolation, IsolationKind::Bubblewrap);
        assert_eq!(config.docker.socket, "/var/run/docker.sock");
    }

    #[test]
    fn every_bound_of_the_table_fits_its_type() {
        for key in KEYS {
            if let ValueKind::Integer { min, max } = key.kind {
                for number in [min, max] {
                    load(&[ConfigOverride::parse(&format!("{}={number}", key.name)).unwrap()]);
                }
            }
        }
    }

    #[test]
    fn a_role_has_its_own_model_or_the_common_one() {
        let config = load(&[ConfigOverride::parse("model.roles.qa=claude-opus-5-5").unwrap()]);
        assert_eq!(config.model.model_for(Role::Qa), "claude-opus-5-5");
        assert_eq!(config.model.model_for(Role::Developer), "claude-sonnet-5-5");
    }
}

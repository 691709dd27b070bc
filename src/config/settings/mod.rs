//! The configuration as the program uses it: typed, complete, checked.

mod model;
mod reader;
mod walls;
mod work;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

pub use self::model::ModelSettings;
use self::reader::Reader;
pub use self::walls::{BrowserSettings, DockerConfig, EgressSettings, SandboxSettings};
pub use self::work::{AgentLimits, BudgetLimits, StageSettings, WorkerSettings};
use super::environment::Environment;
use super::error::ConfigError;
use super::home::Home;
use super::layers::{Layers, Override};
use super::remote::Remote;

/// Everything that can be configured, and where the data directory is.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data directory.
    pub home: Home,
    /// `model.*`
    pub model: ModelSettings,
    /// `store.*`: the PostgreSQL server, where it is not SQLite.
    pub store: Option<Remote>,
    /// `store.patienceSeconds`: the longest wait for a database that went away.
    pub store_patience: Duration,
    /// `worker.*`
    pub worker: WorkerSettings,
    /// `bus.*`: the Redis server, where the bus is not inside the process.
    pub bus: Option<Remote>,
    /// `pricing.file`: replaces the built-in price table.
    pub pricing_file: Option<Utf8PathBuf>,
    /// `claude.path`: the CLI, where it is not the one on PATH.
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
    /// `secrets.keyFile`: where the key of secrets is, where it is not in the data directory.
    pub secret_key_file: Option<Utf8PathBuf>,
    /// `docker.*`
    pub docker: DockerConfig,
    /// `log.level`: `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
}

impl Config {
    /// Reads the layers (see [`Layers::read`]) and returns them typed, and as they are.
    pub fn load(
        home: Home,
        environment: &Environment,
        overrides: &[Override],
        working_directory: &Utf8Path,
    ) -> Result<(Self, Layers), ConfigError> {
        let layers = Layers::read(&home, environment, overrides, working_directory)?;
        let config = Self::typed(home, environment, &Reader(&layers))?;
        Ok((config, layers))
    }

    fn typed(
        home: Home,
        environment: &Environment,
        read: &Reader<'_>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            home,
            model: ModelSettings::read(environment, read)?,
            store: read.remote("store.url", "store.passwordFile")?,
            store_patience: read.seconds("store.patienceSeconds")?,
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
    use crate::{HomeOrigin, KEYS, Kind};
    use eklavya_core::domain::isolation::IsolationKind;
    use eklavya_core::domain::role::Role;

    fn load(overrides: &[Override]) -> Config {
        let home = Home {
            path: "/nowhere/eklavya".into(),
            origin: HomeOrigin::Default,
        };
        let environment = Environment::default();
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
            if let Kind::Integer { min, max } = key.kind {
                for number in [min, max] {
                    load(&[Override::parse(&format!("{}={number}", key.name)).unwrap()]);
                }
            }
        }
    }

    #[test]
    fn a_role_has_its_own_model_or_the_common_one() {
        let config = load(&[Override::parse("model.roles.qa=claude-opus-5-5").unwrap()]);
        assert_eq!(config.model.of(Role::Qa), "claude-opus-5-5");
        assert_eq!(config.model.of(Role::Developer), "claude-sonnet-5-5");
    }
}

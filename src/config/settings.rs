//! The configuration as the program uses it: typed, complete, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use super::credential::Credentials;
use super::environment::Environment;
use super::error::ConfigError;
use super::home::Home;
use super::layers::{Layers, Override};
use super::remote::Remote;
use super::value::Value;
use crate::domain::egress::HostList;
use crate::domain::isolation::IsolationKind;
use crate::domain::money::MicroUsd;
use crate::domain::role::Role;

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

/// How workers work.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Time without a sign of life after which another worker takes a project over.
    pub lease: Duration,
    /// Agents at the same time on this machine; at least 1. Without a number it follows from the
    /// processors.
    pub agents: Option<u32>,
    /// Memory that must be free for an agent, in MiB.
    pub agent_memory_mib: u64,
    /// Memory that is left to everything else, in MiB.
    pub reserve_memory_mib: u64,
}

/// The model endpoint and how patient the gateway is with it.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Endpoint that speaks the Messages API.
    pub url: Url,
    /// Model of every role without one of its own; see [`ModelSettings::of`].
    pub name: String,
    /// Models of single roles.
    pub roles: BTreeMap<Role, String>,
    /// Where the credential comes from.
    pub credentials: Credentials,
    /// Rehearsal that plays the model of new projects.
    pub rehearsal: Option<Utf8PathBuf>,
    /// Most output tokens of one request.
    pub max_output_tokens: u64,
    /// Longest wait for the first byte of an answer.
    pub first_byte: Duration,
    /// Longest silence within an answer.
    pub idle: Duration,
    /// Longest time that a rate limit may hold a request.
    pub max_park: Duration,
    /// Most requests in any minute, of all workers together; nothing is no limit.
    pub requests_per_minute: Option<u32>,
}

impl ModelSettings {
    /// Returns the model of `role`.
    pub fn of(&self, role: Role) -> &str {
        self.roles.get(&role).unwrap_or(&self.name)
    }
}

/// What an agent may take of time and turns.
#[derive(Debug, Clone, Copy)]
pub struct AgentLimits {
    /// Most turns of one agent.
    pub max_turns: u64,
    /// Agents at the same time in one project; at least 1.
    pub parallel: usize,
    /// Silence after which an agent is interrupted.
    pub silence: Duration,
    /// Times that a lost or silent agent is resumed.
    pub retries: u32,
    /// Time between interrupting and killing.
    pub grace: Duration,
}

/// How often and how long the stages try.
#[derive(Debug, Clone, Copy)]
pub struct StageSettings {
    /// Plans that the Architect may hand in.
    pub plan_attempts: u32,
    /// Rival demos of one round.
    pub demo_count: u32,
    /// Time in which a preview must answer.
    pub demo_health: Duration,
    /// Times that a task may come back before it is blocked.
    pub build_attempts: u32,
    /// Rounds of repair after a failed criterion.
    pub verify_rounds: u32,
}

/// Limits beside the budget of the project itself; nothing is no limit.
#[derive(Debug, Clone, Copy)]
pub struct BudgetLimits {
    /// Over all projects.
    pub overall: Option<MicroUsd>,
    /// Of each task.
    pub task: Option<MicroUsd>,
    /// Of each agent.
    pub agent: Option<MicroUsd>,
}

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
    pub landlock: u32,
    /// Longest run of a test command or check.
    pub test_timeout: Duration,
    /// As root, agents of project n run as this user id plus n.
    pub uid_base: u32,
}

/// The browser of agents.
#[derive(Debug, Clone)]
pub struct BrowserSettings {
    /// Whether it is used where there is one.
    pub used: bool,
    /// The Chromium, where it is not the one on PATH.
    pub path: Option<Utf8PathBuf>,
    /// What the browser of one agent may take of the memory, in MiB.
    pub memory_mib: u64,
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
    pub bytes: Option<u64>,
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
            model: model(environment, read)?,
            store: read.remote("store.url", "store.passwordFile")?,
            store_patience: read.seconds("store.patienceSeconds")?,
            worker: WorkerSettings {
                lease: read.seconds("worker.leaseSeconds")?,
                agents: read.optional_integer("worker.agents")?,
                agent_memory_mib: read.integer("worker.agentMemoryMib")?,
                reserve_memory_mib: read.integer("worker.reserveMemoryMib")?,
            },
            bus: read.remote("bus.url", "bus.passwordFile")?,
            pricing_file: read.path("pricing.file")?,
            claude_path: read.path("claude.path")?,
            agents: AgentLimits {
                max_turns: read.integer("claude.maxTurns")?,
                parallel: read.integer("agents.parallel")?,
                silence: read.seconds("agents.silenceSeconds")?,
                retries: read.integer("agents.retries")?,
                grace: read.seconds("agents.graceSeconds")?,
            },
            stages: StageSettings {
                plan_attempts: read.integer("plan.attempts")?,
                demo_count: read.integer("demo.count")?,
                demo_health: read.seconds("demo.healthSeconds")?,
                build_attempts: read.integer("build.attempts")?,
                verify_rounds: read.integer("verify.rounds")?,
            },
            budget: BudgetLimits {
                overall: read.usd("budget.overallUsd")?,
                task: read.usd("budget.taskUsd")?,
                agent: read.usd("budget.agentUsd")?,
            },
            sandbox: SandboxSettings {
                isolation: read.isolation("sandbox.isolation")?,
                tmp_bytes: read.integer("sandbox.tmpBytes")?,
                disk_bytes: read.integer("sandbox.diskBytes")?,
                landlock: read.integer("sandbox.landlock")?,
                test_timeout: read.seconds("sandbox.testTimeoutSeconds")?,
                uid_base: read.integer("sandbox.uidBase")?,
            },
            browser: BrowserSettings {
                used: read.required_text("browser.use")? == "auto",
                path: read.path("browser.path")?,
                memory_mib: read.integer("browser.memoryMib")?,
            },
            egress: EgressSettings {
                packages: read.hosts("egress.packages")?,
                research: read.hosts("egress.research")?,
                metrics: read.hosts("egress.metrics")?,
                private: read.hosts("egress.private")?,
                bytes: read.optional_integer("egress.maxBytes")?,
            },
            secret_key_file: read.path("secrets.keyFile")?,
            docker: DockerConfig {
                socket: read
                    .path("docker.socket")?
                    .ok_or(ConfigError::Untyped("docker.socket"))?,
                memory_mib: read.integer("docker.memoryMib")?,
                cpus: read.optional_integer("docker.cpus")?,
                pids: read.integer("docker.pids")?,
            },
            log_level: read.required_text("log.level")?,
        })
    }
}

fn model(environment: &Environment, read: &Reader<'_>) -> Result<ModelSettings, ConfigError> {
    let mut roles = BTreeMap::new();
    for role in Role::ALL {
        if let Some(model) = read.text(&format!("model.roles.{role}"))? {
            roles.insert(role, model);
        }
    }
    Ok(ModelSettings {
        url: read.url("model.url")?,
        name: read.required_text("model.name")?,
        roles,
        credentials: Credentials::new(environment, read.path("model.keyFile")?)?,
        rehearsal: read.path("model.rehearsal")?,
        max_output_tokens: read.integer("model.maxOutputTokens")?,
        first_byte: read.seconds("model.firstByteSeconds")?,
        idle: read.seconds("model.idleSeconds")?,
        max_park: read.seconds("model.maxParkSeconds")?,
        requests_per_minute: read.optional_integer("model.requestsPerMinute")?,
    })
}

/// Takes values out of the layers by type. That the table's types fit is held by a test; where they
/// did not, the key would be named.
struct Reader<'a>(&'a Layers);

impl Reader<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let entry = self.0.get(name)?;
        match &entry.value {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(entry.key.name)),
        }
    }

    fn required_text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.text(name)?.ok_or(ConfigError::Untyped(name))
    }

    fn isolation(&self, name: &'static str) -> Result<IsolationKind, ConfigError> {
        let parsed = self.required_text(name)?.parse();
        parsed.map_err(|_| ConfigError::Untyped(name))
    }

    fn url(&self, name: &'static str) -> Result<Url, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Url(url) => Ok(url.clone()),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    fn remote(
        &self,
        url: &'static str,
        password_file: &'static str,
    ) -> Result<Option<Remote>, ConfigError> {
        match &self.0.get(url)?.value {
            Value::Server(server) => Ok(Some(Remote {
                url: server.clone(),
                password_file: self.path(password_file)?,
            })),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(url)),
        }
    }

    fn path(&self, name: &'static str) -> Result<Option<Utf8PathBuf>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Path(path) => Ok(Some(path.clone())),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    fn usd(&self, name: &'static str) -> Result<Option<MicroUsd>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Usd(amount) => Ok(Some(*amount)),
            Value::None => Ok(None),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    fn hosts(&self, name: &'static str) -> Result<HostList, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Hosts(hosts) => Ok(hosts.clone()),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    fn integer<N: TryFrom<u64>>(&self, name: &'static str) -> Result<N, ConfigError> {
        match &self.0.get(name)?.value {
            Value::Integer(number) => N::try_from(*number).map_err(|_| ConfigError::Untyped(name)),
            _ => Err(ConfigError::Untyped(name)),
        }
    }

    fn optional_integer<N: TryFrom<u64>>(
        &self,
        name: &'static str,
    ) -> Result<Option<N>, ConfigError> {
        match &self.0.get(name)?.value {
            Value::None => Ok(None),
            _ => self.integer(name).map(Some),
        }
    }

    fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.integer(name).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HomeOrigin, KEYS, Kind};

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

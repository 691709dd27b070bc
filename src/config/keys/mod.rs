//! The table of all configuration keys.

pub(crate) mod key;
pub(crate) mod value;

use std::str::FromStr;

use crate::error::ConfigError;
use crate::nearest::find_nearest;
use eklavya_core::agent::role::Role;
use key::{ConfigKey, ValueKind};

/// Largest value of a setting in seconds: one week.
const WEEK: u64 = 7 * 24 * 3600;

const fn key(
    name: &'static str,
    kind: ValueKind,
    default: Option<&'static str>,
    help: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default,
        help,
    }
}

const fn integer_key(
    name: &'static str,
    (min, max): (u64, u64),
    default: &'static str,
    help: &'static str,
) -> ConfigKey {
    key(name, ValueKind::Integer { min, max }, Some(default), help)
}

const fn role_model_key(name: &'static str) -> ConfigKey {
    key(
        name,
        ValueKind::Text,
        None,
        "Model of this role, instead of model.name",
    )
}

const PACKAGES: &str = "crates.io,index.crates.io,static.crates.io,registry.npmjs.org,pypi.org,\
    files.pythonhosted.org,proxy.golang.org,sum.golang.org,rubygems.org,index.rubygems.org,\
    repo.maven.apache.org,github.com,codeload.github.com,gitlab.com";
const RESEARCH: &str = "docs.rs,doc.rust-lang.org,developer.mozilla.org,docs.python.org,nodejs.org,\
    pkg.go.dev,www.w3.org,www.rfc-editor.org,datatracker.ietf.org,en.wikipedia.org,\
    www.postgresql.org,redis.io,git-scm.com";

/// Every key, in the order of `config show`.
#[rustfmt::skip]
pub const KEYS: &[ConfigKey] = &[
    key("model.url", ValueKind::Url, Some("https://api.anthropic.com"), "Endpoint that speaks the Anthropic Messages API"),
    key("model.name", ValueKind::Text, Some("claude-sonnet-5-5"), "Model of every role without a model of its own"),
    role_model_key("model.roles.orchestrator"),
    role_model_key("model.roles.architect"),
    role_model_key("model.roles.developer"),
    role_model_key("model.roles.tester"),
    role_model_key("model.roles.qa"),
    role_model_key("model.roles.pm"),
    role_model_key("model.roles.uat"),
    role_model_key("model.roles.sre"),
    role_model_key("model.roles.monitor"),
    role_model_key("model.roles.mentor"),
    key("model.keyFile", ValueKind::Path, None, "File with the API key, used if ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are not set"),
    key("model.rehearsal", ValueKind::Path, None, "Rehearsal that new projects use instead of a model"),
    integer_key("model.maxOutputTokens", (256, 1_000_000), "32000", "Maximum output tokens that an agent may request at once"),
    integer_key("model.firstByteSeconds", (1, WEEK), "180", "Maximum wait for the first byte of a response, in seconds"),
    integer_key("model.idleSeconds", (1, WEEK), "120", "Maximum pause within a response, in seconds"),
    integer_key("model.maxParkSeconds", (0, WEEK), "21600", "Maximum time that a request waits for a rate limit, in seconds"),
    key("model.requestsPerMinute", ValueKind::Integer { min: 1, max: 1_000_000 }, None, "Maximum requests per minute to the model endpoint, of all workers together; rehearsals have no limit"),
    key("store.url", ValueKind::Server(&["postgres", "postgresql"]), None, "PostgreSQL database to use instead of SQLite in the data directory: postgres://user@host:5432/database"),
    key("store.passwordFile", ValueKind::Path, None, "File with the password of store.url"),
    integer_key("store.patienceSeconds", (0, WEEK), "300", "Maximum wait for a database that becomes unavailable during work, in seconds; 0 gives up at once"),
    integer_key("worker.leaseSeconds", (2, 3600), "30", "Time without a heartbeat after which another worker takes over a project, in seconds"),
    key("worker.agents", ValueKind::Integer { min: 1, max: 10_000 }, None, "Agents that run at the same time on this machine, over all projects; if unset, 4 per processor"),
    integer_key("worker.agentMemoryMib", (1, 1 << 20), "256", "Memory that must be free before an agent starts, in MiB"),
    integer_key("worker.reserveMemoryMib", (0, 1 << 20), "512", "Memory that agents leave free for other programs, in MiB"),
    key("bus.url", ValueKind::Server(&["redis", "rediss", "unix"]), None, "Redis server (6.2 or later) to use instead of the bus inside the process: redis://user@host:6379/0, or unix:///run/redis.sock"),
    key("bus.passwordFile", ValueKind::Path, None, "File with the password of bus.url"),
    key("pricing.file", ValueKind::Path, None, "Price table to use instead of <home>/pricing.yaml and the built-in one"),
    key("claude.path", ValueKind::Path, None, "Path of the Claude Code CLI, instead of claude on PATH"),
    integer_key("claude.maxTurns", (1, 10_000), "120", "Maximum turns of one agent"),
    integer_key("agents.parallel", (1, 64), "4", "Agents that run at the same time in one project"),
    integer_key("agents.silenceSeconds", (5, WEEK), "300", "Time without output after which an agent is interrupted, in seconds"),
    integer_key("agents.retries", (0, 20), "2", "How many times a lost or silent agent is resumed"),
    integer_key("agents.graceSeconds", (1, 600), "10", "Time between interrupting an agent and killing it, in seconds"),
    integer_key("plan.attempts", (1, 20), "3", "How many plans the Architect may submit before planning fails"),
    integer_key("demo.count", (1, 9), "3", "Number of rival demos in one round"),
    integer_key("demo.healthSeconds", (1, 3600), "30", "Time within which a preview must answer, in seconds"),
    integer_key("build.attempts", (1, 20), "3", "How many times a merge conflict or a failed test may return a task before it is blocked"),
    integer_key("verify.rounds", (1, 20), "2", "Rounds of repair after a criterion fails"),
    key("budget.overallUsd", ValueKind::Usd, None, "Limit over all projects together"),
    key("budget.taskUsd", ValueKind::Usd, None, "Limit of every task"),
    key("budget.agentUsd", ValueKind::Usd, None, "Limit of every agent"),
    key("sandbox.isolation", ValueKind::OneOf(&["bubblewrap", "docker"]), Some("bubblewrap"), "Isolation backend of projects that do not set their own"),
    integer_key("sandbox.tmpBytes", (16 << 20, 1 << 40), "536870912", "Size of the temporary directory in a sandbox, in bytes"),
    integer_key("sandbox.diskBytes", (1 << 20, 1 << 50), "4294967296", "Disk space for the clone and home of one agent or command together, in bytes"),
    integer_key("sandbox.landlock", (0, 7), "2", "Minimum Landlock version of the kernel; with 0, Landlock may be missing"),
    integer_key("sandbox.testTimeoutSeconds", (1, WEEK), "600", "Maximum run time of a test command or check, in seconds"),
    integer_key("sandbox.uidBase", (1000, 2_000_000_000), "700000", "If eklavya runs as root, agents of project n run as this user id plus n"),
    key("browser.use", ValueKind::OneOf(&["auto", "off"]), Some("auto"), "Whether roles that may browse get a browser, and demos get screenshots: auto if Chromium is installed, off never"),
    key("browser.path", ValueKind::Path, None, "Path of the Chromium for agents, instead of chromium, chromium-browser or google-chrome on PATH"),
    integer_key("browser.memoryMib", (256, 1 << 20), "2048", "Memory limit of the browser of one agent, in MiB"),
    key("egress.packages", ValueKind::Hosts, Some(PACKAGES), "Hosts that developers may reach: package registries, and git over https"),
    key("egress.research", ValueKind::Hosts, Some(RESEARCH), "Hosts that architects, PMs and mentors may reach: documentation"),
    key("egress.metrics", ValueKind::Hosts, Some(""), "Hosts that monitors may reach"),
    key("egress.private", ValueKind::Hosts, Some(""), "Hosts of these lists that may have private addresses, such as your own mirror"),
    key("egress.maxBytes", ValueKind::Integer { min: 1 << 10, max: 1 << 50 }, None, "Maximum bytes of one connection of an agent to a host, in both directions together"),
    key("secrets.keyFile", ValueKind::Path, None, "File with the key that encrypts secrets, instead of <home>/secret.key"),
    key("docker.socket", ValueKind::Path, Some("/var/run/docker.sock"), "Socket of the Docker engine"),
    integer_key("docker.memoryMib", (128, 1 << 24), "4096", "Memory limit of one container without swap, in MiB"),
    key("docker.cpus", ValueKind::Integer { min: 1, max: 4096 }, None, "Processors of one container; if unset, all of them"),
    integer_key("docker.pids", (64, 4_194_304), "4096", "Maximum processes and threads of one container"),
    key("log.level", ValueKind::OneOf(&["off", "error", "warn", "info", "debug", "trace"]), Some("warn"), "Level of logging to stderr; -v and -vv raise it"),
];

/// Returns the key `name`. The error names the most similar key or, for an unknown role, all roles.
pub fn find_key(name: &str) -> Result<&'static ConfigKey, ConfigError> {
    let found = KEYS.iter().find(|key| key.name == name);
    found.ok_or_else(|| unknown_key_error(name))
}

fn unknown_key_error(name: &str) -> ConfigError {
    let key = name.to_owned();
    let nearest = find_nearest(name, KEYS.iter().map(|key| key.name));
    match name.strip_prefix("model.roles.").map(Role::from_str) {
        Some(Err(source)) if nearest.is_none() => ConfigError::UnknownRole { key, source },
        _ => ConfigError::UnknownKey { key, nearest },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConfigValue;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_variables_are_unique_and_no_key_is_the_section_of_another() {
        let names: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        let variables: BTreeSet<_> = KEYS.iter().map(ConfigKey::environment_variable).collect();
        assert_eq!((names.len(), variables.len()), (KEYS.len(), KEYS.len()));
        for name in &names {
            let section = format!("{name}.");
            assert!(!names.iter().any(|other| other.starts_with(&section)));
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_key() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert!(ConfigValue::parse(key, default).is_ok(), "{}", key.name);
            }
        }
    }

    #[test]
    fn every_role_can_have_a_model_of_its_own() {
        for role in Role::ALL {
            assert!(find_key(&format!("model.roles.{role}")).is_ok());
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = find_key("agents.paralel").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown configuration key \"agents.paralel\"; did you mean agents.parallel?"
        );
        let error = find_key("colour").unwrap_err().to_string();
        assert_eq!(error, "unknown configuration key \"colour\"");
        let error = find_key("model.roles.wizard").unwrap_err().to_string();
        let begin = "model.roles.wizard: unknown role \"wizard\"; the roles are";
        assert!(error.starts_with(begin), "{error}");
        let error = find_key("model.roles.tster").unwrap_err().to_string();
        assert!(
            error.ends_with("did you mean model.roles.tester?"),
            "{error}"
        );
    }
}

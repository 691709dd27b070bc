//! The table of all configuration keys.

use std::str::FromStr;

use super::error::ConfigError;
use super::key::{ConfigKey, ValueKind};
use super::nearest::find_nearest;
use eklavya_core::agent::role::Role;

/// Longest time that a setting in seconds may name: one week.
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
        "Model of this role, in place of model.name",
    )
}

const PACKAGES: &str = "crates.io,index.crates.io,static.crates.io,registry.npmjs.org,pypi.org,\
    files.pythonhosted.org,proxy.golang.org,sum.golang.org,rubygems.org,index.rubygems.org,\
    repo.maven.apache.org,github.com,codeload.github.com,gitlab.com";
const RESEARCH: &str = "docs.rs,doc.rust-lang.org,developer.mozilla.org,docs.python.org,nodejs.org,\
    pkg.go.dev,www.w3.org,www.rfc-editor.org,datatracker.ietf.org,en.wikipedia.org,\
    www.postgresql.org,redis.io,git-scm.com";

/// Every key, in the order in which `config show` lists them.
#[rustfmt::skip]
pub const KEYS: &[ConfigKey] = &[
    key("model.url", ValueKind::Url, Some("https://api.anthropic.com"), "Endpoint that speaks the Anthropic Messages API"),
    key("model.name", ValueKind::Text, Some("claude-sonnet-5-5"), "Model of every role that has none of its own"),
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
    key("model.keyFile", ValueKind::Path, None, "File that holds the API key, where ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are not set"),
    key("model.rehearsal", ValueKind::Path, None, "Rehearsal that plays the model of new projects"),
    integer_key("model.maxOutputTokens", (256, 1_000_000), "32000", "Most output tokens that an agent may ask for in one request"),
    integer_key("model.firstByteSeconds", (1, WEEK), "180", "Longest wait for the first byte of an answer"),
    integer_key("model.idleSeconds", (1, WEEK), "120", "Longest silence within an answer"),
    integer_key("model.maxParkSeconds", (0, WEEK), "21600", "Longest time that a rate limit may hold a request"),
    key("model.requestsPerMinute", ValueKind::Integer { min: 1, max: 1_000_000 }, None, "Most requests to the model's endpoint in any minute, of all workers together; rehearsals have no limit"),
    key("store.url", ValueKind::Server(&["postgres", "postgresql"]), None, "PostgreSQL in place of the SQLite database in the data directory: postgres://user@host:5432/database"),
    key("store.passwordFile", ValueKind::Path, None, "File that holds the password of store.url"),
    integer_key("store.patienceSeconds", (0, WEEK), "300", "Longest wait for a database that went away in the middle of work; 0 gives up at once"),
    integer_key("worker.leaseSeconds", (2, 3600), "30", "Time without a sign of life after which another worker takes a project over"),
    key("worker.agents", ValueKind::Integer { min: 1, max: 10_000 }, None, "Agents that run at the same time on this machine, over all projects; without a number 4 for each processor"),
    integer_key("worker.agentMemoryMib", (1, 1 << 20), "256", "Memory that must be free for an agent to be started, in MiB"),
    integer_key("worker.reserveMemoryMib", (0, 1 << 20), "512", "Memory that is left to everything else, in MiB"),
    key("bus.url", ValueKind::Server(&["redis", "rediss", "unix"]), None, "Redis (6.2 or later) in place of the bus inside the process: redis://user@host:6379/0, or unix:///run/redis.sock"),
    key("bus.passwordFile", ValueKind::Path, None, "File that holds the password of bus.url"),
    key("pricing.file", ValueKind::Path, None, "Price table in place of <home>/pricing.yaml and the built-in one"),
    key("claude.path", ValueKind::Path, None, "Claude Code CLI, where it is not the `claude` on PATH"),
    integer_key("claude.maxTurns", (1, 10_000), "120", "Most turns of one agent"),
    integer_key("agents.parallel", (1, 64), "4", "Agents that run at the same time in one project"),
    integer_key("agents.silenceSeconds", (5, WEEK), "300", "Silence after which an agent is interrupted"),
    integer_key("agents.retries", (0, 20), "2", "Times that a lost or silent agent is resumed"),
    integer_key("agents.graceSeconds", (1, 600), "10", "Time between interrupting an agent and killing it"),
    integer_key("plan.attempts", (1, 20), "3", "Times that the Architect may hand in a plan before planning fails"),
    integer_key("demo.count", (1, 9), "3", "Rival demos of one round"),
    integer_key("demo.healthSeconds", (1, 3600), "30", "Time in which a preview must answer"),
    integer_key("build.attempts", (1, 20), "3", "Times that a task may come back from a conflict or a red test before it is blocked"),
    integer_key("verify.rounds", (1, 20), "2", "Rounds of repair after a criterion failed"),
    key("budget.overallUsd", ValueKind::Usd, None, "Limit over all projects together"),
    key("budget.taskUsd", ValueKind::Usd, None, "Limit of every task"),
    key("budget.agentUsd", ValueKind::Usd, None, "Limit of every agent"),
    key("sandbox.isolation", ValueKind::OneOf(&["bubblewrap", "docker"]), Some("bubblewrap"), "What holds agents, where their project does not say"),
    integer_key("sandbox.tmpBytes", (16 << 20, 1 << 40), "536870912", "Size of the temporary directory in a sandbox"),
    integer_key("sandbox.diskBytes", (1 << 20, 1 << 50), "4294967296", "Disk that the clone and the home of one agent, or of one command, may take together"),
    integer_key("sandbox.landlock", (0, 7), "2", "Least Landlock level of the kernel; with 0 it may be missing"),
    integer_key("sandbox.testTimeoutSeconds", (1, WEEK), "600", "Longest run of a test command or check"),
    integer_key("sandbox.uidBase", (1000, 2_000_000_000), "700000", "As root: agents of project n run as this user id plus n"),
    key("browser.use", ValueKind::OneOf(&["auto", "off"]), Some("auto"), "Whether agents whose role may browse get a browser, and demos a picture: where Chromium is there, or never"),
    key("browser.path", ValueKind::Path, None, "Chromium for the browser of agents, where it is none of chromium, chromium-browser and google-chrome on PATH"),
    integer_key("browser.memoryMib", (256, 1 << 20), "2048", "Memory that the browser of one agent may take, in MiB"),
    key("egress.packages", ValueKind::Hosts, Some(PACKAGES), "Hosts that developers reach: registries of packages, and git over https"),
    key("egress.research", ValueKind::Hosts, Some(RESEARCH), "Hosts that architects, PMs and mentors reach: documentation"),
    key("egress.metrics", ValueKind::Hosts, Some(""), "Hosts that monitors reach"),
    key("egress.private", ValueKind::Hosts, Some(""), "Those of the hosts above whose addresses need not be public, such as a mirror of your own"),
    key("egress.maxBytes", ValueKind::Integer { min: 1 << 10, max: 1 << 50 }, None, "Most bytes of one connection of an agent to a host, both ways together"),
    key("secrets.keyFile", ValueKind::Path, None, "File of the key that secrets are sealed with, in place of <home>/secret.key"),
    key("docker.socket", ValueKind::Path, Some("/var/run/docker.sock"), "Socket of the Docker engine"),
    integer_key("docker.memoryMib", (128, 1 << 24), "4096", "Memory of one container, in MiB, without swap"),
    key("docker.cpus", ValueKind::Integer { min: 1, max: 4096 }, None, "Processors of one container; without a number all of them"),
    integer_key("docker.pids", (64, 4_194_304), "4096", "Processes and threads of one container"),
    key("log.level", ValueKind::OneOf(&["off", "error", "warn", "info", "debug", "trace"]), Some("warn"), "What is logged to stderr; -v and -vv raise it"),
];

/// Returns the key called `name`, or an error that names the nearest one, or the roles where it is
/// about one that there is not.
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
            "no configuration key is called \"agents.paralel\"; did you mean agents.parallel?"
        );
        let error = find_key("colour").unwrap_err().to_string();
        assert_eq!(error, "no configuration key is called \"colour\"");
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

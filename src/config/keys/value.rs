//! The value of a key, checked against the table.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer};
use url::Url;

use super::key::{ConfigKey, ValueKind};
use crate::error::ConfigError;
use eklavya_core::egress::HostList;
use eklavya_core::money::MicroUsd;
use eklavya_core::secret::server_url;

/// The notation for no value.
const NO_VALUE: &str = "none";

/// A value that its key accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigValue {
    /// No value, for an optional key.
    None,
    /// A text, or one word of a list.
    Text(String),
    Url(Url),
    /// The URL of a server; a password in it is never shown.
    Server(Url),
    Path(Utf8PathBuf),
    Integer(u64),
    Usd(MicroUsd),
    Hosts(HostList),
}

impl ConfigValue {
    /// Parses `text` as a value of `key`, in the common notation of the command line, the environment and
    /// YAML.
    pub fn parse(key: &'static ConfigKey, text: &str) -> Result<Self, ConfigError> {
        if key.is_optional() && text == NO_VALUE {
            return Ok(ConfigValue::None);
        }
        let value = match key.kind {
            ValueKind::Text => {
                check_plain_text(text).map(|text| ConfigValue::Text(text.to_owned()))
            }
            ValueKind::Url => parse_endpoint(text).map(ConfigValue::Url),
            ValueKind::Server(schemes) => parse_server_url(text, schemes).map(ConfigValue::Server),
            ValueKind::Path => check_plain_text(text).map(|text| ConfigValue::Path(text.into())),
            ValueKind::Integer { min, max } => {
                parse_bounded(text, min, max).map(ConfigValue::Integer)
            }
            ValueKind::Usd => text.parse().ok().map(ConfigValue::Usd),
            ValueKind::Hosts => return parse_hosts(key, text).map(ConfigValue::Hosts),
            ValueKind::OneOf(words) => words
                .contains(&text)
                .then(|| ConfigValue::Text(text.to_owned())),
        };
        value.ok_or_else(|| bad_value(key, text))
    }

    /// Makes a path absolute: `~/` is the home of the user, and a relative path is relative to `base`.
    pub fn resolve_path(self, base: &Utf8Path, user_home: Option<&str>) -> Self {
        let ConfigValue::Path(path) = self else {
            return self;
        };
        match (path.strip_prefix("~"), user_home) {
            (Ok(rest), Some(user_home)) => ConfigValue::Path(Utf8Path::new(user_home).join(rest)),
            _ => ConfigValue::Path(base.join(path)),
        }
    }
}

/// Returns the error for a value that `key` does not accept. A value with an `@` may contain a password,
/// so the message does not repeat it.
pub(crate) fn bad_value(key: &'static ConfigKey, text: &str) -> ConfigError {
    let hidden = matches!(key.kind, ValueKind::Url | ValueKind::Server(_)) && text.contains('@');
    ConfigError::BadValue {
        key: key.name,
        value: if hidden {
            "…@…".to_owned()
        } else {
            shorten_text(text)
        },
        expected: key.expects(),
    }
}

fn shorten_text(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn check_plain_text(text: &str) -> Option<&str> {
    (!text.trim().is_empty() && !text.contains(char::is_control)).then_some(text)
}

fn parse_endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(check_plain_text(text)?).ok()?;
    let clean = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && clean).then_some(url)
}

fn parse_server_url(text: &str, schemes: &[&str]) -> Option<Url> {
    let url = server_url::parse(check_plain_text(text)?).ok()?;
    // A socket is a file on this machine.
    let is_somewhere = match url.scheme() {
        "unix" => url.path().len() > 1 && url.host_str().is_none_or(str::is_empty),
        _ => url.host_str().is_some_and(|host| !host.is_empty()),
    };
    (schemes.contains(&url.scheme()) && is_somewhere).then_some(url)
}

/// Parses a list of hosts; the error names the invalid entry.
fn parse_hosts(key: &'static ConfigKey, text: &str) -> Result<HostList, ConfigError> {
    HostList::parse(text).map_err(|why| ConfigError::BadHost { key: key.name, why })
}

fn parse_bounded(text: &str, min: u64, max: u64) -> Option<u64> {
    // `parse` would also take "+4".
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (min..=max).contains(number))
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigValue::None => f.pad(NO_VALUE),
            ConfigValue::Text(text) => f.pad(text),
            ConfigValue::Url(url) => f.pad(url.as_str()),
            ConfigValue::Server(url) => f.pad(server_url::redact(url).as_str()),
            ConfigValue::Path(path) => f.pad(path.as_str()),
            ConfigValue::Integer(number) => f.pad(&number.to_string()),
            ConfigValue::Usd(amount) => f.pad(&amount.to_string()),
            ConfigValue::Hosts(hosts) => f.pad(&hosts.to_string()),
        }
    }
}

/// Numbers as numbers, hosts as a list, no value as null, everything else as text (dollars too: they are exact).
impl Serialize for ConfigValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ConfigValue::None => serializer.serialize_none(),
            ConfigValue::Integer(number) => serializer.serialize_u64(*number),
            ConfigValue::Hosts(hosts) => hosts.serialize(serializer),
            other => serializer.collect_str(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find_key;

    fn parse(key: &str, text: &str) -> Result<ConfigValue, ConfigError> {
        ConfigValue::parse(find_key(key).unwrap(), text)
    }

    #[test]
    fn each_kind_takes_its_values() {
        assert_eq!(
            parse("agents.parallel", "64").unwrap(),
            ConfigValue::Integer(64)
        );
        assert_eq!(
            parse("budget.taskUsd", "0.5").unwrap(),
            ConfigValue::Usd(MicroUsd(500_000))
        );
        assert_eq!(parse("budget.taskUsd", "none").unwrap(), ConfigValue::None);
        assert_eq!(
            parse("log.level", "debug").unwrap(),
            ConfigValue::Text("debug".into())
        );
        assert!(parse("model.url", "http://127.0.0.1:8080/v1").is_ok());
        for url in ["redis://h", "rediss://:pw@h:7/1", "unix:///run/redis.sock"] {
            assert!(parse("bus.url", url).is_ok(), "{url}");
        }
    }

    #[test]
    fn each_kind_refuses_invalid_values() {
        for (key, text) in [
            ("agents.parallel", "0"),
            ("agents.parallel", "65"),
            ("agents.parallel", "+4"),
            ("agents.parallel", "four"),
            ("agents.parallel", "none"),
            ("agents.parallel", "99999999999999999999999"),
            ("budget.taskUsd", "-1"),
            ("log.level", "loud"),
            ("model.url", "ftp://example.org"),
            ("bus.url", "http://localhost:6379"),
            ("bus.url", "redis://"),
            ("bus.url", "unix://socket"),
            ("bus.url", "unix:///"),
            ("bus.url", "localhost:6379"),
            ("model.requestsPerMinute", "0"),
            ("model.url", "https://user:secret@example.org"),
            ("model.url", "api.anthropic.com"),
            ("model.name", " "),
            ("model.name", "a\u{1b}[31m"),
        ] {
            assert!(parse(key, text).is_err(), "{key}={text}");
        }
    }

    #[test]
    fn the_error_names_only_the_invalid_host_of_a_list() {
        let list = parse("egress.packages", "crates.io, *.npmjs.org:443").unwrap();
        assert_eq!(list.to_string(), "crates.io,*.npmjs.org");
        assert_eq!(parse("egress.metrics", "").unwrap().to_string(), "");
        let error = parse("egress.packages", "crates.io,*.com").unwrap_err();
        assert_eq!(
            error.to_string(),
            "egress.packages: \"*.com\" is too broad: the star must be followed by at least two labels, as \
             in *.example.org"
        );
    }

    #[test]
    fn the_error_names_key_value_and_what_is_expected() {
        let error = parse("agents.parallel", "many").unwrap_err().to_string();
        assert_eq!(
            error,
            "agents.parallel takes a whole number from 1 to 64, not \"many\""
        );
        let error = parse("agents.parallel", &"9".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 250);
    }

    #[test]
    fn the_password_of_a_server_is_never_shown() {
        let url = "postgres://me:hunter2@db:5432/shop?password=hunter2";
        let value = parse("store.url", url).unwrap();
        assert_eq!(value.to_string(), "postgres://me@db:5432/shop");
        let error = parse("store.url", "mysql://me:hunter2@db/shop").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn paths_are_resolved_against_their_origin() {
        let resolve = |path: &str, home| {
            ConfigValue::Path(path.into())
                .resolve_path(Utf8Path::new("/base"), home)
                .to_string()
        };
        assert_eq!(resolve("key", Some("/root")), "/base/key");
        assert_eq!(resolve("~/key", Some("/root")), "/root/key");
        assert_eq!(resolve("/etc/key", Some("/root")), "/etc/key");
    }
}

//! Lists of hosts that agents may reach.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::target::{EgressHost, EgressTarget, EgressTargetError, parse_port};

/// The port of a pattern without a port.
const DEFAULT_PORT: u16 = 443;

/// One entry: `crates.io`, `*.crates.io`, `mirror.example:8443`, `10.0.0.5:8081` or
/// `[fd00::5]:8081`.
///
/// `*.` stands for one or more whole labels. It does not match the rest by itself, which has at
/// least two labels. There are no other wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern {
    hosts: HostMatcher,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum HostMatcher {
    Exact(EgressHost),
    Subdomains(String),
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// A star anywhere but in a leading `*.`.
    #[error("{0:?}: a star is only allowed as the first label, as in *.example.org")]
    Star(String),
    #[error(
        "{0:?} is too broad: the star must be followed by at least two labels, as in *.example.org"
    )]
    TooWide(String),
    #[error("{0:?} is not a host; write example.org, *.example.org or example.org:8443")]
    Name(String),
    #[error("{text:?}: {source}")]
    Port {
        text: String,
        source: EgressTargetError,
    },
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        // The colons of an IPv6 address are in brackets.
        let (host, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
            Some((host, port)) => {
                let port = parse_port(port).map_err(|source| HostPatternError::Port {
                    text: text.to_owned(),
                    source,
                })?;
                (host, port)
            }
            None => (text, DEFAULT_PORT),
        };
        let hosts = match host.strip_prefix("*.") {
            Some(rest) => parse_subdomains(text, rest)?,
            None if host.contains('*') => return Err(HostPatternError::Star(text.to_owned())),
            None => {
                let host =
                    EgressHost::parse(host).map_err(|_| HostPatternError::Name(text.to_owned()))?;
                HostMatcher::Exact(host)
            }
        };
        Ok(Self { hosts, port })
    }
}

fn parse_subdomains(text: &str, rest: &str) -> Result<HostMatcher, HostPatternError> {
    if rest.contains('*') {
        return Err(HostPatternError::Star(text.to_owned()));
    }
    match EgressHost::parse(rest) {
        Ok(EgressHost::Name(name)) if name.contains('.') => Ok(HostMatcher::Subdomains(name)),
        Ok(EgressHost::Name(_)) => Err(HostPatternError::TooWide(text.to_owned())),
        Ok(EgressHost::Address(_)) | Err(_) => Err(HostPatternError::Name(text.to_owned())),
    }
}

impl HostPattern {
    fn matches(&self, target: &EgressTarget) -> bool {
        let fits = match (&self.hosts, &target.host) {
            (HostMatcher::Exact(one), host) => one == host,
            (HostMatcher::Subdomains(rest), EgressHost::Name(name)) => name
                .strip_suffix(rest.as_str())
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|front| !front.is_empty()),
            (HostMatcher::Subdomains(_), EgressHost::Address(_)) => false,
        };
        fits && self.port == target.port
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            HostMatcher::Exact(host) => write!(f, "{host}")?,
            HostMatcher::Subdomains(name) => write!(f, "*.{name}")?,
        }
        match self.port {
            DEFAULT_PORT => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostList(Vec<HostPattern>);

impl HostList {
    /// Parses a comma-separated list; an empty text is an empty list.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        entries
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(HostList)
    }

    pub fn patterns(&self) -> &[HostPattern] {
        &self.0
    }

    /// Returns whether a pattern matches `target`.
    pub fn contains(&self, target: &EgressTarget) -> bool {
        self.0.iter().any(|one| one.matches(target))
    }
}

impl fmt::Display for HostList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&entries.join(","))
    }
}

impl Serialize for HostList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(list: &str, target: &str) -> bool {
        let target = EgressTarget::parse(target).unwrap();
        HostList::parse(list).unwrap().contains(&target)
    }

    #[test]
    fn an_entry_matches_one_host_and_port_or_all_subdomains() {
        let list = "crates.io, *.crates.io,mirror.example:8443";
        for target in [
            "crates.io:443",
            "CRATES.io.:443",
            "static.crates.io:443",
            "a.b.crates.io:443",
            "mirror.example:8443",
        ] {
            assert!(contains(list, target), "{target}");
        }
        for target in [
            "crates.io:80",
            "evilcrates.io:443",
            "crates.io.evil.example:443",
            "io:443",
            "mirror.example:443",
            "1.2.3.4:443",
        ] {
            assert!(!contains(list, target), "{target}");
        }
        assert!(contains("10.0.0.5:8081,[fd00::5]", "10.0.0.5:8081"));
        assert!(contains("10.0.0.5:8081,[fd00::5]", "[fd00::5]:443"));
        assert!(!contains("*.crates.io", "crates.io:443"));
        assert!(!contains("", "crates.io:443"));
    }

    #[test]
    fn a_bad_entry_is_named() {
        let message = |text: &str| HostList::parse(text).unwrap_err().to_string();
        assert!(message("*").contains("a star is only allowed as the first label"));
        assert!(message("*.com").contains("is too broad"));
        for bad in [
            "a*.example",
            "a.*.example",
            "**.example.org",
            "*.*.example.org",
        ] {
            assert!(message(bad).contains("star"), "{}", message(bad));
        }
        for bad in [
            "0x7f.1",
            "http://a.example",
            "a.example/x",
            "[::1",
            "user@a.example",
        ] {
            assert!(message(&format!("crates.io,{bad}")).contains(bad), "{bad}");
        }
        assert!(message("a.example:0").contains("a.example:0"));
    }

    proptest! {
        #[test]
        fn a_displayed_list_parses_to_the_same_list(text in "[a-zA-Z0-9*.:_-]{0,30}(,[a-z.:0-9*]{0,20})?") {
            if let Ok(list) = HostList::parse(&text) {
                prop_assert_eq!(HostList::parse(&list.to_string()).unwrap(), list);
            }
        }

        #[test]
        fn a_wildcard_matches_only_hosts_that_end_in_its_name(name in "[a-z0-9.-]{1,40}") {
            if let Ok(host) = EgressHost::parse(&name) {
                let target = EgressTarget { host, port: 443 };
                let within = HostList::parse("*.example.org").unwrap().contains(&target);
                prop_assert_eq!(within, target.host.to_string().ends_with(".example.org"));
            }
        }
    }
}

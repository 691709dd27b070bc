//! Lists of hosts that may be reached.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::target::{Host, Target, TargetError, is_name, parse_port};

/// The port of a pattern that names none.
const DEFAULT_PORT: u16 = 443;

/// One entry: `crates.io`, `*.crates.io` or `mirror.example:8443`.
///
/// `*.` stands for one or more whole labels in front of the rest; the rest itself is not meant, and has
/// at least two labels. Addresses and other wildcards are none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern {
    wildcard: bool,
    name: String,
    port: u16,
}

/// Why something is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A star elsewhere than in `*.` at the beginning.
    #[error("{0:?}: a star stands only at the beginning, for whole labels: *.example.org")]
    Star(String),
    /// A wildcard that covers too much.
    #[error("{0:?} covers too much: at least two labels follow the star, as in *.example.org")]
    TooWide(String),
    /// Not a name.
    #[error("{0:?} is no name of a host; write example.org, *.example.org or example.org:8443")]
    Name(String),
    /// Not a port.
    #[error("{text:?}: {source}")]
    Port {
        /// The entry.
        text: String,
        /// What is wrong.
        source: TargetError,
    },
}

impl FromStr for HostPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = parse_port(port).map_err(|source| PatternError::Port {
                    text: text.to_owned(),
                    source,
                })?;
                (host, port)
            }
            None => (text, DEFAULT_PORT),
        };
        let (wildcard, name) = match host.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        let name = name.to_ascii_lowercase();
        if name.contains('*') {
            return Err(PatternError::Star(text.to_owned()));
        }
        if !is_name(&name) {
            return Err(PatternError::Name(text.to_owned()));
        }
        if wildcard && !name.contains('.') {
            return Err(PatternError::TooWide(text.to_owned()));
        }
        Ok(Self {
            wildcard,
            name,
            port,
        })
    }
}

impl HostPattern {
    fn matches(&self, name: &str, port: u16) -> bool {
        let fits = if self.wildcard {
            name.strip_suffix(&self.name)
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|front| !front.is_empty())
        } else {
            name == self.name
        };
        fits && port == self.port
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.wildcard { "*." } else { "" };
        write!(f, "{star}{}", self.name)?;
        match self.port {
            DEFAULT_PORT => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

/// Hosts that may be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostList(Vec<HostPattern>);

impl HostList {
    /// Returns the entries of a text in which commas part them; an empty text has none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let entries = text.split(',').map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        entries
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(HostList)
    }

    /// Returns the entries.
    pub fn patterns(&self) -> &[HostPattern] {
        &self.0
    }

    /// Whether a target is among them; an address never is.
    pub fn contains(&self, target: &Target) -> bool {
        match &target.host {
            Host::Name(name) => self.0.iter().any(|one| one.matches(name, target.port)),
            Host::Address(_) => false,
        }
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
        let target = Target::parse(target).unwrap();
        HostList::parse(list).unwrap().contains(&target)
    }

    #[test]
    fn an_entry_is_one_host_on_one_port_or_all_below_it() {
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
        assert!(!contains("*.crates.io", "crates.io:443"));
        assert!(!contains("", "crates.io:443"));
    }

    #[test]
    fn a_bad_entry_is_named() {
        let told = |text: &str| HostList::parse(text).unwrap_err().to_string();
        assert!(told("*").contains("a star stands only at the beginning"));
        assert!(told("*.com").contains("covers too much"));
        for bad in [
            "a*.example",
            "a.*.example",
            "**.example.org",
            "*.*.example.org",
        ] {
            assert!(told(bad).contains("star"), "{}", told(bad));
        }
        for bad in [
            "1.2.3.4",
            "http://a.example",
            "a.example/x",
            "[::1]",
            "user@a.example",
        ] {
            assert!(told(&format!("crates.io,{bad}")).contains(bad), "{bad}");
        }
        assert!(told("a.example:0").contains("a.example:0"));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_shown_and_read_again(text in "[a-zA-Z0-9*.:_-]{0,30}(,[a-z.:0-9*]{0,20})?") {
            if let Ok(list) = HostList::parse(&text) {
                prop_assert_eq!(HostList::parse(&list.to_string()).unwrap(), list);
            }
        }

        #[test]
        fn a_wildcard_takes_nothing_that_does_not_end_in_its_name(name in "[a-z0-9.-]{1,40}") {
            if let Ok(host) = Host::parse(&name) {
                let target = Target { host, port: 443 };
                let within = HostList::parse("*.example.org").unwrap().contains(&target);
                prop_assert_eq!(within, target.host.to_string().ends_with(".example.org"));
            }
        }
    }
}

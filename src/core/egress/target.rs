//! The target of a request.

use std::fmt;
use std::net::IpAddr;

/// The longest DNS name, in bytes.
const MAX_NAME: usize = 253;
/// The longest label of a name, in bytes.
const MAX_LABEL: usize = 63;

/// A host as a request names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EgressHost {
    /// A DNS name in lower case, without a trailing dot.
    Name(String),
    Address(IpAddr),
}

impl EgressHost {
    /// Parses a host as in a URL or before a port; an IPv6 address is in brackets.
    ///
    /// Each host has one spelling: texts that other programs might read as an address (`0x7f.1`,
    /// `2130706433`, `127.1`) and texts that are not plain ASCII are refused.
    pub fn parse(text: &str) -> Result<Self, EgressTargetError> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse().ok());
            return address
                .map(|address| EgressHost::Address(IpAddr::V6(address)))
                .ok_or_else(|| EgressTargetError::Host(text.to_owned()));
        }
        if let Ok(address) = text.parse() {
            return Ok(EgressHost::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_name(&name) {
            Ok(EgressHost::Name(name))
        } else {
            Err(EgressTargetError::Host(text.to_owned()))
        }
    }
}

impl fmt::Display for EgressHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EgressHost::Name(name) => f.write_str(name),
            EgressHost::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            EgressHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Returns whether `name` is a DNS name that no program reads as an address.
fn is_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    // The URL standard treats a host that ends in a number as an IPv4 address.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    name.len() <= MAX_NAME && name.split('.').all(is_label) && !numeric
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EgressTarget {
    pub host: EgressHost,
    /// Never 0.
    pub port: u16,
}

/// Why a target cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressTargetError {
    #[error("{0:?} is not a host name or an address in its usual form")]
    Host(String),
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    #[error("{0:?} has no port")]
    NoPort(String),
}

impl EgressTarget {
    /// Parses `host:port`.
    pub fn parse(text: &str) -> Result<Self, EgressTargetError> {
        let (host, port) = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.ends_with(':'))
            .ok_or_else(|| EgressTargetError::NoPort(text.to_owned()))?;
        Ok(Self {
            host: EgressHost::parse(host)?,
            port: parse_port(port)?,
        })
    }

    /// Parses `host` or `host:port` as in a URL; without a port, `port` is used.
    pub fn parse_or(text: &str, port: u16) -> Result<Self, EgressTargetError> {
        // The colons of an IPv6 address are in brackets.
        if text.contains(':') && !text.ends_with(']') {
            return Self::parse(text);
        }
        let host = EgressHost::parse(text)?;
        Ok(Self { host, port })
    }
}

/// Parses a port; `+80` and `080` are refused.
pub(crate) fn parse_port(text: &str) -> Result<u16, EgressTargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.filter(|_| !text.starts_with('0'))
        .ok_or_else(|| EgressTargetError::Port(text.to_owned()))
}

impl fmt::Display for EgressTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_spelling() {
        for (text, host) in [
            ("Crates.IO", "crates.io"),
            ("crates.io.", "crates.io"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
            ("localhost", "localhost"),
            ("1.2.3.4", "1.2.3.4"),
            ("[::1]", "[::1]"),
            ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ] {
            assert_eq!(EgressHost::parse(text).unwrap().to_string(), host, "{text}");
        }
    }

    #[test]
    fn other_spellings_of_addresses_and_odd_names_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "127.0.0.01",
            "1.2.3.4.",
            "127.0.0.1.5",
            "::1",
            "[::1",
            "[::1%25lo]",
            "[127.0.0.1]",
            "a b",
            "a%2eb",
            "user@crates.io",
            "crates.io/",
            "crates.io\0",
            "bücher.example",
            "１２７.0.0.1",
            "-a.example",
            "a-.example",
            "*.crates.io",
        ] {
            assert!(EgressHost::parse(text).is_err(), "{text}");
        }
        assert!(EgressHost::parse(&"a".repeat(64)).is_err());
        assert!(EgressHost::parse(&"a.".repeat(128)).is_err());
    }

    #[test]
    fn a_target_needs_a_port() {
        assert_eq!(EgressTarget::parse("a.example:443").unwrap().port, 443);
        assert_eq!(
            EgressTarget::parse("[::1]:80").unwrap().to_string(),
            "[::1]:80"
        );
        for text in [
            "a", "a:", "a:0", "a:65536", "a:+80", "a:080", "a::80", "::1:80", ":80",
        ] {
            assert!(EgressTarget::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_of_a_url_may_be_omitted_but_not_invalid() {
        let read = |text: &str| EgressTarget::parse_or(text, 80).map(|target| target.to_string());
        for (text, target) in [
            ("a.example", "a.example:80"),
            ("a.example:8080", "a.example:8080"),
            ("[::1]", "[::1]:80"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(target));
        }
        for text in [
            "a.example:0",
            "a.example:",
            "a.example:99999",
            "a.example:080",
            "a@b.example",
            "::1",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

//! The machine's hosts file, in which an admin maps names to addresses (hosts(5)).

use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Returns the addresses of `name` in the file; empty if the name or the file does not exist.
pub(super) async fn find_addresses(file: &Path, name: &str) -> io::Result<Vec<IpAddr>> {
    match tokio::fs::read(file).await {
        Ok(bytes) => Ok(parse_addresses(&String::from_utf8_lossy(&bytes), name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse_addresses(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let plain = line.split('#').next().unwrap_or_default();
        let mut words = plain.split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        let named = words.any(|word| word.eq_ignore_ascii_case(name));
        found.extend(address.filter(|address| named && !found.contains(address)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_addresses_of_all_its_lines() {
        let text = "127.0.0.1 localhost\n# 9.9.9.9 mirror.example\n\
            10.0.0.5\tMirror.Example mirror # 9.9.9.9\n10.0.0.6 other mirror\n\
            10.0.0.5 mirror\nfd00::5 mirror.example\nnonsense mirror\nfe80::1%eth0 mirror\n\n10.0.0.7\n";
        let addresses = |name: &str| {
            let found = parse_addresses(text, name);
            found.iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(addresses("mirror.example"), ["10.0.0.5", "fd00::5"]);
        assert_eq!(addresses("mirror"), ["10.0.0.5", "10.0.0.6"]);
        assert_eq!(addresses("localhost"), ["127.0.0.1"]);
        for none in ["mirror.example.corp", "example", "9.9.9.9", "#", ""] {
            assert_eq!(addresses(none), Vec::<String>::new(), "{none}");
        }
    }

    #[tokio::test]
    async fn a_missing_hosts_file_is_empty_and_an_unreadable_one_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let missing = find_addresses(&directory.path().join("hosts"), "localhost").await;
        assert_eq!(missing.unwrap(), Vec::<IpAddr>::new());
        assert!(find_addresses(directory.path(), "localhost").await.is_err());
    }
}

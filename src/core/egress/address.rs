//! Addresses that no agent may reach, whatever name resolves to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {what}")]
pub struct ForbiddenAddress {
    pub address: IpAddr,
    /// Its class: "private", "loopback", …
    pub what: &'static str,
    /// Whether an admin's allow-list entry cannot permit it either: link-local addresses, cloud
    /// metadata, and addresses that embed an IPv4 address.
    pub absolute: bool,
}

/// Cloud metadata services outside of the link-local range. Some of them are otherwise public
/// addresses.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv6 networks whose addresses embed an IPv4 address: mapped, compatible, translated (NAT64),
/// 6to4 and Teredo.
const EMBEDDING: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// IPv4 networks that are not the public internet (IANA's special-purpose registry): address,
/// prefix length, class.
const V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (
        Ipv4Addr::new(100, 64, 0, 0),
        10,
        "shared by a provider's customers",
    ),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // Includes 169.254.169.254, the cloud metadata service.
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The same for IPv6, within the public range.
const V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "for documentation",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "for documentation",
    ),
];

/// The range of public IPv6 addresses; all others are local, embedded or unassigned.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Returns why `address` is forbidden, or `None` for a public address.
///
/// An address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) is forbidden whatever it
/// embeds.
pub fn classify_address(address: IpAddr) -> Option<ForbiddenAddress> {
    let what = match address {
        _ if METADATA.contains(&address) => Some("the metadata of a cloud"),
        IpAddr::V4(v4) => special_purpose_v4(v4),
        IpAddr::V6(v6) => special_purpose_v6(v6),
    };
    what.map(|what| ForbiddenAddress {
        address,
        what,
        absolute: is_absolute(address),
    })
}

fn is_absolute(address: IpAddr) -> bool {
    let by_network = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || embeds_v4(v6),
    };
    by_network || METADATA.contains(&address)
}

/// `::` and `::1` look like embedded addresses but are not.
fn embeds_v4(address: Ipv6Addr) -> bool {
    let own = address.is_unspecified() || address.is_loopback();
    let mut networks = EMBEDDING.iter();
    !own && networks.any(|(network, bits)| is_within(address, *network, *bits))
}

fn is_within(address: Ipv6Addr, network: Ipv6Addr, bits: u32) -> bool {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    address.to_bits() & mask == network.to_bits()
}

fn special_purpose_v4(address: Ipv4Addr) -> Option<&'static str> {
    let within = |network: Ipv4Addr, bits: u32| {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        address.to_bits() & mask == network.to_bits()
    };
    let found = V4.iter().find(|(network, bits, _)| within(*network, *bits));
    found.map(|(_, _, what)| *what)
}

fn special_purpose_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("loopback");
    }
    if embeds_v4(address) {
        return Some("an IPv4 address in another form");
    }
    if !is_within(address, PUBLIC_V6.0, PUBLIC_V6.1) {
        return Some("not public");
    }
    let mut networks = V6.iter();
    let found = networks.find(|(network, bits, _)| is_within(address, *network, *bits));
    found.map(|(_, _, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_public_addresses_are_refused() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(classify_address(text.parse().unwrap()).is_some(), "{text}");
        }
    }

    #[test]
    fn the_allow_list_cannot_permit_metadata_or_disguised_addresses() {
        let absolute = |text: &str| classify_address(text.parse().unwrap()).unwrap().absolute;
        for text in [
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001::1",
        ] {
            assert!(absolute(text), "{text}");
        }
        for text in ["127.0.0.1", "10.0.0.5", "::1", "fd00::5", "100.64.0.1"] {
            assert!(!absolute(text), "{text}");
        }
        for address in METADATA {
            let what = classify_address(*address).unwrap().what;
            assert_eq!(what, "the metadata of a cloud", "{address}");
        }
    }

    #[test]
    fn public_addresses_are_accepted() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
        ] {
            assert_eq!(classify_address(text.parse().unwrap()), None, "{text}");
        }
    }
}

//! Resolving names, and the addresses of this machine.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use futures_util::future::BoxFuture;
use nix::ifaddrs::getifaddrs;

use super::hosts_file;

/// The machine's hosts file.
const HOSTS: &str = "/etc/hosts";

/// Resolves a name to addresses.
pub trait HostResolver: Debug + Send + Sync {
    /// Returns all addresses of `name`.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver, without its search domains.
///
/// A name without a trailing dot is also looked up in the machine's search domains: the owner of
/// `crates.io.corp.example` could pose as `crates.io`. A trailing dot prevents that, but /etc/hosts
/// does not match such names, so it is read here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemResolver;

impl HostResolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let own = hosts_file::find_addresses(Path::new(HOSTS), name).await?;
            if !own.is_empty() {
                return Ok(own);
            }
            let absolute = format!("{name}.");
            let found = tokio::net::lookup_host((absolute.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Whether an interface of this machine has this address.
pub(crate) fn is_local_address(address: IpAddr) -> bool {
    let Ok(interfaces) = getifaddrs() else {
        // Fails closed: without the list of addresses, the address is rejected.
        return true;
    };
    let addresses = interfaces.filter_map(|interface| interface.address);
    addresses
        .filter_map(|one| {
            let v4 = one.as_sockaddr_in().map(|one| IpAddr::V4(one.ip()));
            v4.or_else(|| one.as_sockaddr_in6().map(|one| IpAddr::V6(one.ip())))
        })
        .any(|own| own == address)
}

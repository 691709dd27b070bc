//! Turning names into addresses, and the addresses of this machine.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use futures_util::future::BoxFuture;
use nix::ifaddrs::getifaddrs;

use super::hosts_file;

/// The names that the machine's admin has given addresses to.
const HOSTS: &str = "/etc/hosts";

/// What turns a name into addresses.
pub trait HostResolver: Debug + Send + Sync {
    /// Returns all addresses of `name`.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver, which takes every name as it stands.
///
/// A name that is written without its last dot would be looked for in the machine's search domains
/// too: whoever has `crates.io.corp.example` would be taken for `crates.io`. With the dot it is not;
/// but /etc/hosts knows no name with a dot at its end, so it is read here.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

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
        // Not to know is no reason to let it through.
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

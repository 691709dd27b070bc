//! Turning names into addresses, and the addresses of this machine.

use std::fmt::Debug;
use std::io;
use std::net::IpAddr;

use futures_util::future::BoxFuture;
use nix::ifaddrs::getifaddrs;

/// What turns a name into addresses.
pub trait Resolve: Debug + Send + Sync {
    /// Returns all addresses of `name`.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Whether an interface of this machine has this address.
pub(super) fn is_own(address: IpAddr) -> bool {
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

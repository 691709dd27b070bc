//! Whether an agent may reach a target, and by which address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hyper::StatusCode;

use super::record::Decision;
use super::{EgressConfig, Reach, resolve};
use eklavya_core::domain::egress::{Forbidden, Host, Target, forbidden};

/// Why a target is not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    /// The role reaches nothing.
    #[error("this role reaches nothing but the model")]
    Nothing,
    /// Not on the list.
    #[error("{target} is not among the hosts of {key}")]
    NotListed {
        /// The target.
        target: Target,
        /// Where the list is configured.
        key: &'static str,
    },
    /// No preview of the project's.
    #[error("{0} is no ready preview of this project")]
    NoPreview(Target),
    /// The address.
    #[error("{name} may not be reached: {why}")]
    Address {
        /// The name that led to it.
        name: Host,
        /// What it is.
        why: Forbidden,
    },
    /// An address of this machine.
    #[error("{name} may not be reached: {address} is this machine")]
    Own {
        /// The name that led to it.
        name: Host,
        /// The address.
        address: IpAddr,
    },
    /// There is no such name.
    #[error("{name} has no address: {why}")]
    Unresolved {
        /// The name.
        name: Host,
        /// What the resolver says.
        why: io::Error,
    },
}

impl Denied {
    /// Returns the status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Denied::Unresolved { .. } => StatusCode::BAD_GATEWAY,
            Denied::Nothing
            | Denied::NotListed { .. }
            | Denied::NoPreview(_)
            | Denied::Address { .. }
            | Denied::Own { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// Returns what the audit trail says of it: a name that cannot be found was not forbidden.
    pub(super) fn decision(&self) -> Decision {
        match self {
            Denied::Unresolved { .. } => Decision::Failed,
            Denied::Nothing
            | Denied::NotListed { .. }
            | Denied::NoPreview(_)
            | Denied::Address { .. }
            | Denied::Own { .. } => Decision::Denied,
        }
    }
}

/// Returns the addresses at which the target may be reached, never none.
pub(super) async fn decide(
    config: &EgressConfig,
    reach: &Reach,
    target: &Target,
) -> Result<Vec<SocketAddr>, Denied> {
    match reach {
        Reach::Nothing => return Err(Denied::Nothing),
        Reach::Hosts { list, .. } if list.contains(target) => {}
        Reach::Hosts { key, .. } => {
            let target = target.clone();
            return Err(Denied::NotListed { target, key });
        }
        Reach::Public => {}
        Reach::Previews(previews) => {
            let found = previews.find(target).await;
            let found = found.ok_or_else(|| Denied::NoPreview(target.clone()))?;
            return Ok(vec![found]);
        }
    }
    let addresses = addresses(config, &target.host).await?;
    let vouched = config.private.contains(target);
    for address in &addresses {
        check(&target.host, *address, vouched)?;
    }
    let socket = |address| SocketAddr::new(address, target.port);
    Ok(addresses.into_iter().map(socket).collect())
}

async fn addresses(config: &EgressConfig, host: &Host) -> Result<Vec<IpAddr>, Denied> {
    let unresolved = |why| Denied::Unresolved {
        name: host.clone(),
        why,
    };
    let name = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(name) => name,
    };
    let found = config.resolver.resolve(name).await.map_err(unresolved)?;
    if found.is_empty() {
        return Err(unresolved(io::Error::other("nothing was found")));
    }
    Ok(found)
}

/// One address that is not public spoils all of them: a name that has such a one is up to something.
/// What an admin vouches for may be anywhere but where clouds keep the machine's own credentials.
fn check(name: &Host, address: IpAddr, vouched: bool) -> Result<(), Denied> {
    let why = forbidden(address);
    if vouched && why.is_none_or(|why| !why.absolute) {
        return Ok(());
    }
    let name = name.clone();
    match why {
        Some(why) => Err(Denied::Address { name, why }),
        None if resolve::is_own(address) => Err(Denied::Own { name, address }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::egress::Resolve;
    use eklavya_core::domain::egress::HostList;

    #[derive(Debug)]
    struct Table(Vec<(&'static str, Vec<IpAddr>)>);

    impl Resolve for Table {
        fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            let found = self.0.iter().find(|(known, _)| *known == name);
            let found = found.map(|(_, addresses)| addresses.clone());
            Box::pin(async move { Ok(found.unwrap_or_default()) })
        }
    }

    fn config(private: &str) -> EgressConfig {
        let address = |text: &str| text.parse().unwrap();
        let table = vec![
            (
                "crates.io",
                vec![address("1.1.1.1"), address("2606:4700::1")],
            ),
            ("inside.example", vec![address("10.0.0.7")]),
            (
                "mixed.example",
                vec![address("1.1.1.1"), address("127.0.0.1")],
            ),
            ("metadata.example", vec![address("169.254.169.254")]),
            ("mapped.example", vec![address("::ffff:169.254.169.254")]),
            ("cloud.example", vec![address("fd00:ec2::254")]),
        ];
        EgressConfig {
            private: HostList::parse(private).unwrap(),
            resolver: Arc::new(Table(table)),
            ..EgressConfig::default()
        }
    }

    async fn told(reach: &Reach, private: &str, target: &str) -> String {
        let target = Target::parse(target).unwrap();
        match decide(&config(private), reach, &target).await {
            Ok(addresses) => format!("{addresses:?}"),
            Err(denied) => denied.to_string(),
        }
    }

    fn packages() -> Reach {
        let list = HostList::parse("crates.io,inside.example,gone.example").unwrap();
        Reach::Hosts {
            key: "egress.packages",
            list: Arc::new(list),
        }
    }

    #[tokio::test]
    async fn a_list_lets_its_hosts_through_and_nothing_else() {
        let packages = packages();
        let reached = told(&packages, "", "crates.io:443").await;
        assert_eq!(reached, "[1.1.1.1:443, [2606:4700::1]:443]");
        for (target, why) in [
            ("crates.io:80", "is not among the hosts of egress.packages"),
            (
                "evil.example:443",
                "is not among the hosts of egress.packages",
            ),
            ("1.1.1.1:443", "is not among the hosts of egress.packages"),
            ("inside.example:443", "10.0.0.7 is private"),
            ("gone.example:443", "has no address"),
        ] {
            let told = told(&packages, "", target).await;
            assert!(told.contains(why), "{target}: {told}");
        }
    }

    #[tokio::test]
    async fn whoever_reaches_everything_reaches_what_is_public() {
        for target in [
            "127.0.0.1:80",
            "[::1]:80",
            "169.254.169.254:80",
            "[::ffff:127.0.0.1]:80",
            "inside.example:443",
            "mixed.example:443",
            "metadata.example:80",
        ] {
            let told = told(&Reach::Public, "", target).await;
            assert!(told.contains("may not be reached"), "{target}: {told}");
        }
        assert_eq!(told(&Reach::Public, "", "8.8.8.8:53").await, "[8.8.8.8:53]");
        let nothing = told(&Reach::Nothing, "", "crates.io:443").await;
        assert_eq!(nothing, "this role reaches nothing but the model");
    }

    #[tokio::test]
    async fn what_an_admin_vouches_for_may_be_private_but_no_metadata() {
        let private = "inside.example,metadata.example:80,mapped.example:80,cloud.example:80";
        let reached = told(&packages(), private, "inside.example:443").await;
        assert_eq!(reached, "[10.0.0.7:443]");
        for (target, why) in [
            ("metadata.example:80", "link-local"),
            ("mapped.example:80", "an IPv4 address in another form"),
            ("cloud.example:80", "the metadata of a cloud"),
        ] {
            let told = told(&Reach::Public, private, target).await;
            assert!(told.contains(why), "{target}: {told}");
        }
    }
}

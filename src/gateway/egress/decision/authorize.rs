//! Decides whether an agent may reach a target, and at which addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::config::EgressConfig;
use super::denial::EgressDenial;
use super::resolver;
use crate::door::egress_policy::EgressPolicy;
use eklavya_core::egress::{EgressHost, EgressTarget, classify_address};

/// Returns the addresses at which the target may be reached; never empty.
pub(crate) async fn authorize_target(
    config: &EgressConfig,
    reach: &EgressPolicy,
    target: &EgressTarget,
) -> Result<Vec<SocketAddr>, EgressDenial> {
    match reach {
        EgressPolicy::ModelOnly => return Err(EgressDenial::NoEgress),
        EgressPolicy::Hosts { list, .. } if list.contains(target) => {}
        EgressPolicy::Hosts { key, .. } => {
            let target = target.clone();
            return Err(EgressDenial::NotListed { target, key });
        }
        EgressPolicy::Public => {}
        EgressPolicy::Previews(previews) => {
            let found = previews.find_preview(target).await;
            let found = found.ok_or_else(|| EgressDenial::UnknownPreview(target.clone()))?;
            return Ok(vec![found]);
        }
    }
    let addresses = resolve_host(config, &target.host).await?;
    let vouched = config.private_hosts.contains(target);
    for address in &addresses {
        check_address(&target.host, *address, vouched)?;
    }
    let socket = |address| SocketAddr::new(address, target.port);
    Ok(addresses.into_iter().map(socket).collect())
}

async fn resolve_host(
    config: &EgressConfig,
    host: &EgressHost,
) -> Result<Vec<IpAddr>, EgressDenial> {
    let unresolved = |why| EgressDenial::Unresolved {
        name: host.clone(),
        why,
    };
    let name = match host {
        EgressHost::Address(address) => return Ok(vec![*address]),
        EgressHost::Name(name) => name,
    };
    let found = config.resolver.resolve(name).await.map_err(unresolved)?;
    if found.is_empty() {
        return Err(unresolved(io::Error::other("no address was found")));
    }
    Ok(found)
}

/// Checks one address. A single address that is not public rejects the name, since such a name is
/// suspicious. Hosts that an admin vouches for may have any address except those of cloud metadata
/// services.
fn check_address(name: &EgressHost, address: IpAddr, vouched: bool) -> Result<(), EgressDenial> {
    let why = classify_address(address);
    if vouched && why.is_none_or(|why| !why.absolute) {
        return Ok(());
    }
    let name = name.clone();
    match why {
        Some(why) => Err(EgressDenial::ForbiddenAddress { name, why }),
        None if resolver::is_local_address(address) => {
            Err(EgressDenial::LocalAddress { name, address })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::egress::decision::resolver::HostResolver;
    use eklavya_core::egress::HostList;

    #[derive(Debug)]
    struct StaticResolver(Vec<(&'static str, Vec<IpAddr>)>);

    impl HostResolver for StaticResolver {
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
            private_hosts: HostList::parse(private).unwrap(),
            resolver: Arc::new(StaticResolver(table)),
            ..EgressConfig::default()
        }
    }

    async fn decision_text(reach: &EgressPolicy, private: &str, target: &str) -> String {
        let target = EgressTarget::parse(target).unwrap();
        match authorize_target(&config(private), reach, &target).await {
            Ok(addresses) => format!("{addresses:?}"),
            Err(denied) => denied.to_string(),
        }
    }

    fn package_policy() -> EgressPolicy {
        let list = HostList::parse("crates.io,inside.example,gone.example").unwrap();
        EgressPolicy::Hosts {
            key: "egress.packages",
            list: Arc::new(list),
        }
    }

    #[tokio::test]
    async fn a_host_list_allows_only_its_hosts() {
        let packages = package_policy();
        let reached = decision_text(&packages, "", "crates.io:443").await;
        assert_eq!(reached, "[1.1.1.1:443, [2606:4700::1]:443]");
        for (target, why) in [
            ("crates.io:80", "is not in the host list of egress.packages"),
            (
                "evil.example:443",
                "is not in the host list of egress.packages",
            ),
            ("1.1.1.1:443", "is not in the host list of egress.packages"),
            ("inside.example:443", "10.0.0.7 is private"),
            ("gone.example:443", "has no address"),
        ] {
            let message = decision_text(&packages, "", target).await;
            assert!(message.contains(why), "{target}: {message}");
        }
    }

    #[tokio::test]
    async fn a_public_policy_allows_only_public_addresses() {
        for target in [
            "127.0.0.1:80",
            "[::1]:80",
            "169.254.169.254:80",
            "[::ffff:127.0.0.1]:80",
            "inside.example:443",
            "mixed.example:443",
            "metadata.example:80",
        ] {
            let message = decision_text(&EgressPolicy::Public, "", target).await;
            assert!(message.contains("is denied"), "{target}: {message}");
        }
        assert_eq!(
            decision_text(&EgressPolicy::Public, "", "8.8.8.8:53").await,
            "[8.8.8.8:53]"
        );
        let nothing = decision_text(&EgressPolicy::ModelOnly, "", "crates.io:443").await;
        assert_eq!(nothing, "this role may reach only the model");
    }

    #[tokio::test]
    async fn hosts_that_an_admin_allows_may_be_private_but_not_metadata_services() {
        let private = "inside.example,metadata.example:80,mapped.example:80,cloud.example:80";
        let reached = decision_text(&package_policy(), private, "inside.example:443").await;
        assert_eq!(reached, "[10.0.0.7:443]");
        for (target, why) in [
            ("metadata.example:80", "link-local"),
            ("mapped.example:80", "an IPv4 address in another form"),
            ("cloud.example:80", "the metadata of a cloud"),
        ] {
            let message = decision_text(&EgressPolicy::Public, private, target).await;
            assert!(message.contains(why), "{target}: {message}");
        }
    }
}

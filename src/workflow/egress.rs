//! What the agents of a role may reach beyond the model, by its row of the table and the
//! configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::site::Site;
use crate::config::Config;
use crate::domain::demo::{Demo, DemoState};
use crate::domain::egress::{Host, HostList, Target};
use crate::domain::project::Project;
use crate::domain::role::Role;
use crate::gateway::{EgressConfig, EgressLimits, Previews, Reach};
use crate::sandbox::policy::{NetworkClass, policy};
use crate::services::{Desk, demos};

/// The port of the names of previews.
const PREVIEW_PORT: u16 = 80;

/// Returns what holds for all agents.
pub(super) fn config(config: &Config) -> EgressConfig {
    EgressConfig {
        private: config.egress.private.clone(),
        limits: EgressLimits {
            bytes: config.egress.bytes,
            ..EgressLimits::default()
        },
        ..EgressConfig::default()
    }
}

/// Returns what agents of `role` may reach.
pub(super) fn reach(site: &Site, role: Role) -> Reach {
    let hosts = |key, list: &HostList| Reach::Hosts {
        key,
        list: Arc::new(list.clone()),
    };
    let egress = &site.config.egress;
    match policy(role).network {
        NetworkClass::Internal => Reach::Nothing,
        NetworkClass::Research => hosts("egress.research", &egress.research),
        NetworkClass::PackageManagers => hosts("egress.packages", &egress.packages),
        NetworkClass::Metrics => hosts("egress.metrics", &egress.metrics),
        NetworkClass::TestOnly => previews(site),
        NetworkClass::Full => Reach::Public,
    }
}

/// Returns the previews of the site's own project.
pub(super) fn previews(site: &Site) -> Reach {
    Reach::Previews(Arc::new(OwnPreviews {
        desk: site.desk.clone(),
        project: site.project().clone(),
    }))
}

/// The previews of one project, as the database knows them.
#[derive(Debug)]
struct OwnPreviews {
    desk: Desk,
    project: Project,
}

impl Previews for OwnPreviews {
    fn find<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Option<SocketAddr>> {
        Box::pin(async move {
            let number = demo_of(&self.project.slug, target)?;
            let found = demos::find(&self.desk, &self.project, number).await;
            found.ok().and_then(|demo| address(&demo))
        })
    }
}

/// Returns the number of the demo that a target names: `demo-2.shop.localhost` is the second of shop.
fn demo_of(slug: &str, target: &Target) -> Option<u32> {
    let Host::Name(name) = &target.host else {
        return None;
    };
    let number = name
        .strip_suffix(&format!(".{slug}.localhost"))?
        .strip_prefix("demo-")?;
    let plain = target.port == PREVIEW_PORT && !number.starts_with('0');
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| plain && digits)
}

/// Returns where a demo answers, where it does.
fn address(demo: &Demo) -> Option<SocketAddr> {
    let ready = matches!(
        demo.state,
        DemoState::Ready { .. } | DemoState::Approved { .. }
    );
    let url = url::Url::parse(demo.preview_url.as_deref()?).ok()?;
    let found = url.socket_addrs(|| None).ok()?.into_iter().next()?;
    (ready && found.ip().is_loopback()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_demo_of_one_project() {
        let of = |text: &str| demo_of("shop", &Target::parse(text).unwrap());
        assert_eq!(of("demo-1.shop.localhost:80"), Some(1));
        assert_eq!(of("DEMO-12.shop.localhost.:80"), Some(12));
        for text in [
            "demo-1.other.localhost:80",
            "demo-1.shop.localhost:81",
            "demo-01.shop.localhost:80",
            "demo-1.shop.localhost.example:80",
            "x.demo-1.shop.localhost:80",
            "demo-1x.shop.localhost:80",
            "shop.localhost:80",
            "localhost:80",
            "127.0.0.1:80",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}

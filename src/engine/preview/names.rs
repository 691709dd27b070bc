//! The names of a project's previews: `demo-2.shop.localhost` for a demo, `preview.shop.localhost`
//! for the product under verification.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use url::Url;

use super::browser_tally::{BrowserAuditEntry, BrowserRequestTally};
use crate::context::served_preview::ServedPreview;
use crate::preview::demo;
use eklavya_core::audit::AuditActor;
use eklavya_core::demo::{Demo, DemoState};
use eklavya_core::egress::{EgressHost, EgressTarget};
use eklavya_core::ids::AgentId;
use eklavya_core::project::Project;
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::proxy::{HTTP_PORT, PreviewLookup};
use eklavya_services::{DataStore, audit, demos};

/// The names of one project's own previews.
#[derive(Debug, Clone)]
pub(crate) struct ProjectPreviewNames {
    pub data: DataStore,
    pub project: Project,
    pub served_preview: ServedPreview,
    /// The agent that the browser belongs to; `None` for the orchestrator.
    pub agent: Option<AgentId>,
    pub tally: Arc<BrowserRequestTally>,
}

pub(crate) fn demo_host(slug: &str, number: u32) -> String {
    format!("demo-{number}.{slug}.localhost")
}

pub(crate) fn product_host(slug: &str) -> String {
    format!("preview.{slug}.localhost")
}

impl ProjectPreviewNames {
    /// Returns no demos if the database does not answer.
    async fn list_demos(&self) -> Vec<Demo> {
        let all = demos::list(&self.data, &self.project).await;
        all.unwrap_or_else(|error| {
            tracing::warn!("could not list the previews of the project: {error}");
            Vec::new()
        })
    }

    async fn record_request(&self, entry: Option<BrowserAuditEntry>) {
        let Some(entry) = entry else { return };
        let actor = self.agent.map_or(AuditActor::System, AuditActor::Agent);
        let about = (Some(self.project.id), self.agent);
        let recorded = audit::record(&self.data, &actor, about, entry.action, entry.details).await;
        if let Err(error) = recorded {
            tracing::warn!("could not record the requests of a browser: {error}");
        }
    }
}

/// Returns the address of a demo's preview on this machine.
fn demo_address(demo: &Demo) -> Option<SocketAddr> {
    let ready = matches!(
        demo.state,
        DemoState::Ready { .. } | DemoState::Approved { .. }
    );
    if !ready || !demo::is_running(demo) {
        return None;
    }
    let url = Url::parse(demo.preview_url.as_deref()?).ok()?;
    let host = url.host_str()?.parse::<Ipv4Addr>().ok()?;
    let address = SocketAddr::new(IpAddr::V4(host), url.port()?);
    host.is_loopback().then_some(address)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreviewHostTarget {
    Product,
    Demo(u32),
}

/// Returns which preview of the project called `slug` the name `host` stands for.
fn parse_preview_host(slug: &str, host: &str) -> Option<PreviewHostTarget> {
    if host == product_host(slug) {
        return Some(PreviewHostTarget::Product);
    }
    // Only one spelling is accepted: neither `demo-01` nor `demo-+1`.
    let number = host
        .strip_prefix("demo-")?
        .split_once('.')?
        .0
        .parse()
        .ok()?;
    (host == demo_host(slug, number)).then_some(PreviewHostTarget::Demo(number))
}

impl PreviewLookup for ProjectPreviewNames {
    fn find_preview<'a>(&'a self, target: &'a EgressTarget) -> BoxFuture<'a, Option<SocketAddr>> {
        Box::pin(async move {
            let EgressHost::Name(host) = &target.host else {
                return None;
            };
            let named =
                parse_preview_host(&self.project.slug, host).filter(|_| target.port == HTTP_PORT);
            match named? {
                PreviewHostTarget::Product => self.served_preview.address(),
                PreviewHostTarget::Demo(number) => {
                    let all = self.list_demos().await;
                    demo_address(all.iter().find(|demo| demo.number == number)?)
                }
            }
        })
    }
}

impl PreviewNames for ProjectPreviewNames {
    fn on_reached<'a>(&'a self, host: &'a str, address: SocketAddr) -> BoxFuture<'a, ()> {
        Box::pin(self.record_request(self.tally.record_reached(host, address)))
    }

    fn on_refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.record_request(self.tally.record_refused(host)))
    }

    fn on_ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.record_request(self.tally.take_summary()))
    }

    fn list_names(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async move {
            let slug = &self.project.slug;
            let product = self.served_preview.address().map(|_| product_host(slug));
            let all = self.list_demos().await;
            let running = all.iter().filter(|demo| demo_address(demo).is_some());
            let running = running.map(|demo| demo_host(slug, demo.number));
            product.into_iter().chain(running).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_preview_hosts_of_the_project_are_parsed() {
        let of = |host: &str| parse_preview_host("shop", host);
        assert_eq!(
            of("demo-1.shop.localhost"),
            Some(PreviewHostTarget::Demo(1))
        );
        assert_eq!(
            of("demo-12.shop.localhost"),
            Some(PreviewHostTarget::Demo(12))
        );
        assert_eq!(
            of("preview.shop.localhost"),
            Some(PreviewHostTarget::Product)
        );
        for host in [
            "demo-1.other.localhost",
            "preview.other.localhost",
            "demo-01.shop.localhost",
            "demo-+1.shop.localhost",
            "demo-1x.shop.localhost",
            "demo-.shop.localhost",
            "demo-1.shop.localhost.example",
            "x.demo-1.shop.localhost",
            "demo-99999999999.shop.localhost",
            "shop.localhost",
            "localhost",
            "127.0.0.1",
            "",
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }
}

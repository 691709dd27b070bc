//! The names of a project's previews: `demo-2.shop.localhost` for a demo, `preview.shop.localhost`
//! for the product under verification.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use url::Url;

use super::browser_tally::{BrowserRow, Tally};
use super::preview;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::demo::{Demo, DemoState};
use eklavya_core::domain::egress::{Host, Target};
use eklavya_core::domain::ids::AgentId;
use eklavya_core::domain::project::Project;
use eklavya_sandbox::browser::PreviewNames;
use eklavya_sandbox::proxy::{HTTP_PORT, Previews};
use eklavya_services::{Desk, audit, demos};

/// What is served for those who verify, if anything is.
#[derive(Debug, Clone, Default)]
pub(super) struct Served(Arc<Mutex<Option<Exhibition>>>);

/// The product under verification.
#[derive(Debug, Clone)]
pub(super) enum Exhibition {
    /// It answers here.
    At(SocketAddr),
    /// It could not be started.
    Failed(String),
}

impl Served {
    /// Notes what is served from now on.
    pub(super) fn set(&self, shown: Option<Exhibition>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    fn now(&self) -> Option<Exhibition> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    fn address(&self) -> Option<SocketAddr> {
        match self.now()? {
            Exhibition::At(address) => Some(address),
            Exhibition::Failed(_) => None,
        }
    }

    /// Returns why the product could not be started.
    pub(super) fn failure(&self) -> Option<String> {
        match self.now()? {
            Exhibition::At(_) => None,
            Exhibition::Failed(reason) => Some(reason),
        }
    }
}

/// The names of one project's own previews.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The database.
    pub desk: Desk,
    /// The project.
    pub project: Project,
    /// What is served for those who verify.
    pub served: Served,
    /// The agent whose browser it is; nobody: the orchestrator's.
    pub agent: Option<AgentId>,
    /// What was asked for so far.
    pub tally: Arc<Tally>,
}

/// Returns the name of a demo's preview.
pub(super) fn of_demo(slug: &str, number: u32) -> String {
    format!("demo-{number}.{slug}.localhost")
}

/// Returns the name of the product under verification.
pub(super) fn of_product(slug: &str) -> String {
    format!("preview.{slug}.localhost")
}

impl Names {
    /// Where the database does not answer, no name is known.
    async fn demos(&self) -> Vec<Demo> {
        let all = demos::list(&self.desk, &self.project).await;
        all.unwrap_or_else(|error| {
            tracing::warn!("the previews of the project cannot be looked up: {error}");
            Vec::new()
        })
    }

    /// Writes down what the audit trail is to have of a browser.
    async fn note(&self, row: Option<BrowserRow>) {
        let Some(row) = row else { return };
        let actor = self.agent.map_or(Actor::System, Actor::Agent);
        let about = (Some(self.project.id), self.agent);
        let noted = audit::note(&self.desk, &actor, about, row.action, row.details).await;
        if let Err(error) = noted {
            tracing::warn!("what a browser asked for is not noted: {error}");
        }
    }
}

/// Returns where the preview of a demo answers on this machine.
fn address(demo: &Demo) -> Option<SocketAddr> {
    let ready = matches!(
        demo.state,
        DemoState::Ready { .. } | DemoState::Approved { .. }
    );
    if !ready || !preview::is_running(demo) {
        return None;
    }
    let url = Url::parse(demo.preview_url.as_deref()?).ok()?;
    let host = url.host_str()?.parse::<Ipv4Addr>().ok()?;
    let address = SocketAddr::new(IpAddr::V4(host), url.port()?);
    host.is_loopback().then_some(address)
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Product,
    Demo(u32),
}

/// Returns what `host` names of the project called `slug`.
fn named(slug: &str, host: &str) -> Option<Named> {
    if host == of_product(slug) {
        return Some(Named::Product);
    }
    // Written in one way only: neither `demo-01` nor `demo-+1`.
    let number = host
        .strip_prefix("demo-")?
        .split_once('.')?
        .0
        .parse()
        .ok()?;
    (host == of_demo(slug, number)).then_some(Named::Demo(number))
}

impl Previews for Names {
    fn find<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Option<SocketAddr>> {
        Box::pin(async move {
            let Host::Name(host) = &target.host else {
                return None;
            };
            let named = named(&self.project.slug, host).filter(|_| target.port == HTTP_PORT);
            match named? {
                Named::Product => self.served.address(),
                Named::Demo(number) => {
                    let all = self.demos().await;
                    address(all.iter().find(|demo| demo.number == number)?)
                }
            }
        })
    }
}

impl PreviewNames for Names {
    fn reached<'a>(&'a self, host: &'a str, address: SocketAddr) -> BoxFuture<'a, ()> {
        Box::pin(self.note(self.tally.reached(host, address)))
    }

    fn refused<'a>(&'a self, host: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.note(self.tally.refused(host)))
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.note(self.tally.ended()))
    }

    fn known(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async move {
            let slug = &self.project.slug;
            let product = self.served.address().map(|_| of_product(slug));
            let all = self.demos().await;
            let running = all.iter().filter(|demo| address(demo).is_some());
            let running = running.map(|demo| of_demo(slug, demo.number));
            product.into_iter().chain(running).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_project_and_written_in_one_way() {
        let of = |host: &str| named("shop", host);
        assert_eq!(of("demo-1.shop.localhost"), Some(Named::Demo(1)));
        assert_eq!(of("demo-12.shop.localhost"), Some(Named::Demo(12)));
        assert_eq!(of("preview.shop.localhost"), Some(Named::Product));
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

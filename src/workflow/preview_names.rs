//! The names of a project's previews: `demo-2.shop.localhost` for a demo, `preview.shop.localhost`
//! for the product under verification.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use url::Url;

use super::preview;
use crate::browser::PreviewNames;
use crate::domain::demo::{Demo, DemoState};
use crate::domain::project::Project;
use crate::services::{Desk, demos};

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
}

/// Returns where the preview of a demo answers on this machine.
fn address(demo: &Demo) -> Option<SocketAddr> {
    if !matches!(demo.state, DemoState::Ready { .. }) || !preview::is_running(demo) {
        return None;
    }
    let url = Url::parse(demo.preview_url.as_deref()?).ok()?;
    let host = url.host_str()?.parse::<Ipv4Addr>().ok()?;
    let address = SocketAddr::new(IpAddr::V4(host), url.port()?);
    host.is_loopback().then_some(address)
}

impl PreviewNames for Names {
    fn address<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Option<SocketAddr>> {
        Box::pin(async move {
            let slug = &self.project.slug;
            if host == of_product(slug) {
                return self.served.address();
            }
            // Written in one way only: neither `demo-01` nor `demo-+1`.
            let number = host
                .strip_prefix("demo-")?
                .split_once('.')?
                .0
                .parse()
                .ok()?;
            if host != of_demo(slug, number) {
                return None;
            }
            let all = self.demos().await;
            address(all.iter().find(|demo| demo.number == number)?)
        })
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

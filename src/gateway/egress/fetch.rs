//! Fetches a page for an agent that runs no programs. The decision, the audit record and the limits
//! are those of the proxy, and each redirect is checked on its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use reqwest::Url;
use tokio::sync::OwnedSemaphorePermit;

use super::audit_record::EgressRecord;
use super::decision::authorize::authorize_target;
use super::page_request::{
    FetchStep, FetchedPage, origin_only, parse_target, read_response, send_get, strip_userinfo,
};
use super::refusal::EgressRefusal;
use super::state::EgressState;
use crate::door::state::DoorState;
use eklavya_core::egress::EgressTarget;

/// The most redirects that one fetch follows.
const MAX_REDIRECTS: usize = 5;
/// Time limit of one fetch, with its redirects.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);
/// The method in the audit row.
const AUDIT_METHOD: &str = "GET";

/// Why a page cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is not the URL of a page.
    #[error("{url:?} is not the URL of a page: {why}")]
    Url {
        /// The requested URL.
        url: String,
        why: String,
    },
    /// The policy denies access.
    #[error("fetching {url} is denied: {why}")]
    Refused {
        /// The requested URL, or the target of a redirect.
        url: Url,
        why: String,
    },
    /// The target cannot be reached.
    #[error("cannot fetch {url}: {why}")]
    Failed {
        /// The requested URL, or the target of a redirect.
        url: Url,
        why: String,
    },
    /// Too many redirects.
    #[error("{0} redirects more than {MAX_REDIRECTS} times")]
    Redirects(Url),
}

/// Fetches pages for the agent behind one door.
#[derive(Debug, Clone)]
pub struct PageFetcher {
    egress: Arc<EgressState>,
    door: Arc<DoorState>,
}

impl PageFetcher {
    pub(crate) fn new(egress: Arc<EgressState>, door: Arc<DoorState>) -> Self {
        Self { egress, door }
    }

    /// Returns the page at `url`.
    ///
    /// # Errors
    /// The URL is not valid, access is denied, or the target does not respond in time.
    pub async fn fetch(&self, url: &str) -> Result<FetchedPage, FetchError> {
        let first = Url::parse(url).map_err(|error| FetchError::Url {
            url: url.to_owned(),
            why: error.to_string(),
        })?;
        let late = |why: String| FetchError::Failed {
            url: first.clone(),
            why,
        };
        tokio::select! {
            fetched = tokio::time::timeout(FETCH_TIMEOUT, self.follow_redirects(first.clone())) => {
                fetched.unwrap_or_else(|_| Err(late(format!("the fetch took more than {} s", FETCH_TIMEOUT.as_secs()))))
            }
            () = self.door.closing.cancelled() => Err(late("the agent is being stopped".to_owned())),
        }
    }

    async fn follow_redirects(&self, first: Url) -> Result<FetchedPage, FetchError> {
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            match self.fetch_once(&url).await? {
                FetchStep::Page(fetched) => return Ok(fetched),
                FetchStep::Redirect(next) => url = next,
            }
        }
        Err(FetchError::Redirects(first))
    }

    /// Makes one request and does not follow a redirect.
    async fn fetch_once(&self, url: &Url) -> Result<FetchStep, FetchError> {
        let (named, addresses, permit) = self.admit(url).await?;
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let (egress, door) = (self.egress.clone(), self.door.clone());
        let record = EgressRecord::new(egress, door, AUDIT_METHOD, &named, &shown.join(" "));
        let read = self.request_page(url, &addresses, &record).await;
        drop(permit);
        read.map_err(|why| {
            record.set_end_reason(&why);
            FetchError::Failed {
                url: url.clone(),
                why,
            }
        })
    }

    /// Returns the target's name for the audit trail, and the addresses at which it may be reached.
    async fn admit(
        &self,
        url: &Url,
    ) -> Result<(String, Vec<SocketAddr>, OwnedSemaphorePermit), FetchError> {
        let target = parse_target(url);
        let named = match &target {
            Ok(target) => target.to_string(),
            Err(_) => origin_only(url),
        };
        match self.authorize(target).await {
            Ok((addresses, permit)) => Ok((named, addresses, permit)),
            Err(refusal) => {
                let (egress, door) = (&self.egress, &self.door);
                refusal.record(egress, door, AUDIT_METHOD, &named).await;
                let (url, why) = (strip_userinfo(url), refusal.why);
                Err(FetchError::Refused { url, why })
            }
        }
    }

    /// Requests a page within the limits of one connection.
    async fn request_page(
        &self,
        url: &Url,
        addresses: &[SocketAddr],
        record: &EgressRecord,
    ) -> Result<FetchStep, String> {
        let limits = self.egress.config.limits;
        let read = async {
            let response = send_get(url, addresses, limits.connect).await?;
            read_response(response, url, record).await
        };
        tokio::select! {
            read = read => read,
            spent = record.meter.wait_for_limit(&limits) => Err(spent.to_string()),
        }
    }

    async fn authorize(
        &self,
        target: Result<EgressTarget, String>,
    ) -> Result<(Vec<SocketAddr>, OwnedSemaphorePermit), EgressRefusal> {
        let bad = |why: String| EgressRefusal::new(StatusCode::BAD_REQUEST, why);
        let target = target.map_err(bad)?;
        let permit = self.door.connection_slots.clone().acquire_owned().await;
        let permit = permit.map_err(|error| bad(error.to_string()))?;
        self.door.touch();
        let reach = &self.door.spec.egress_policy;
        let addresses = authorize_target(&self.egress.config, reach, &target).await?;
        Ok((addresses, permit))
    }
}

//! Fetches a page for an agent that runs no programs. The decision, the audit record and the limits
//! are those of the proxy, and each redirect is checked on its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use reqwest::{Response, Url};
use tokio::sync::OwnedSemaphorePermit;

use crate::door::state::DoorState;
use crate::egress::audit_record::EgressRecord;
use crate::egress::decision::authorize::authorize_target;
use crate::egress::refusal::EgressRefusal;
use crate::egress::state::EgressState;
use crate::egress::traffic_meter::TrafficDirection;
use crate::http::client::{client_builder, error_chain};
use eklavya_core::egress::{EgressHost, EgressTarget};

/// The most redirects that one fetch follows.
const MAX_REDIRECTS: usize = 5;
/// The most bytes that are read of a body.
const MAX_BODY: usize = 2 << 20;
/// Time limit of one fetch, with its redirects.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);
/// The method in the audit row.
const AUDIT_METHOD: &str = "GET";

/// A fetched page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedPage {
    /// The URL after all redirects.
    pub url: Url,
    pub status: u16,
    /// The `Content-Type` header, if present.
    pub content_type: Option<String>,
    /// The first bytes of the body, 2 MiB at most.
    pub body: Vec<u8>,
    /// Whether the body is longer.
    pub truncated: bool,
}

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
        let target = parse_target(url);
        let named = match &target {
            Ok(target) => target.to_string(),
            Err(_) => origin_only(url),
        };
        let (addresses, permit) = match self.authorize(target).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let record = refusal.record(&self.egress, &self.door, AUDIT_METHOD, &named);
                record.await;
                let (url, why) = (strip_userinfo(url), refusal.why);
                return Err(FetchError::Refused { url, why });
            }
        };
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let (egress, door) = (self.egress.clone(), self.door.clone());
        let record = EgressRecord::new(egress, door, AUDIT_METHOD, &named, &shown.join(" "));
        let limits = self.egress.config.limits;
        let read = async {
            read_response(
                send_get(url, &addresses, limits.connect).await?,
                url,
                &record,
            )
            .await
        };
        let read = tokio::select! {
            read = read => read,
            spent = record.meter.wait_for_limit(&limits) => Err(spent.to_string()),
        };
        drop(permit);
        read.map_err(|why| {
            record.set_end_reason(&why);
            FetchError::Failed {
                url: url.clone(),
                why,
            }
        })
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

/// The result of one request.
enum FetchStep {
    Page(FetchedPage),
    /// The page redirects to this URL.
    Redirect(Url),
}

/// Returns the origin of a URL for the audit trail: its path and query may contain secrets.
fn origin_only(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Returns a URL without user and password, for error messages.
fn strip_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    let (_, _) = (url.set_username(""), url.set_password(None));
    url
}

/// Returns the target of a URL.
fn parse_target(url: &Url) -> Result<EgressTarget, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the URL must begin with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must not contain a user or a password".to_owned());
    }
    let host = url.host_str().ok_or("the URL has no host")?;
    let host = EgressHost::parse(host).map_err(|error| error.to_string())?;
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let port = port.ok_or("port 0 is not valid")?;
    Ok(EgressTarget { host, port })
}

/// Requests a page from the checked addresses and no others.
async fn send_get(
    url: &Url,
    addresses: &[SocketAddr],
    connect: Duration,
) -> Result<Response, String> {
    let host = url.host_str().unwrap_or_default();
    let client = client_builder(connect)
        .resolve_to_addrs(host, addresses)
        .user_agent(concat!("eklavya/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(error_chain)?;
    let elsewhere = addresses
        .iter()
        .find(|address| Some(address.port()) != url.port_or_known_default());
    let request = match elsewhere {
        // A preview listens at another address than its name resolves to.
        Some(address) => client
            .get(with_address(url, *address))
            .header(HOST, url.authority()),
        None => client.get(url.clone()),
    };
    request.send().await.map_err(error_chain)
}

/// Returns a URL whose host and port are replaced by an address.
fn with_address(url: &Url, address: SocketAddr) -> Url {
    let mut there = url.clone();
    // Neither call can fail, since the URL has a host.
    let _ = there.set_ip_host(address.ip());
    let _ = there.set_port(Some(address.port()));
    there
}

/// Reads the page, or the target of a redirect.
async fn read_response(
    mut response: Response,
    url: &Url,
    record: &EgressRecord,
) -> Result<FetchStep, String> {
    let status = response.status();
    let header = |name| response.headers().get(name)?.to_str().ok();
    if status.is_redirection()
        && let Some(location) = header(LOCATION)
    {
        let next = url.join(location);
        return Ok(FetchStep::Redirect(next.map_err(|error| {
            format!("it redirects to {location:?}, which is not a URL: {error}")
        })?));
    }
    let content_type = header(CONTENT_TYPE).map(str::to_owned);
    let (mut body, mut truncated) = (Vec::new(), false);
    while let Some(piece) = response.chunk().await.map_err(error_chain)? {
        record.meter.add(TrafficDirection::Down, piece.len());
        if let Some(spent) = record.meter.exceeded_bytes() {
            return Err(spent.to_string());
        }
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            truncated = true;
            break;
        }
    }
    Ok(FetchStep::Page(FetchedPage {
        url: url.clone(),
        status: status.as_u16(),
        content_type,
        body,
        truncated,
    }))
}

//! Fetching a page for an agent that runs no programs: by the same decision, the same record and the
//! same limits as what goes through the proxy, redirects one by one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use reqwest::{Response, Url};
use tokio::sync::OwnedSemaphorePermit;

use super::proxy::{ProxyRefusal, record_proxy_refusal};
use crate::door::{AgentDoor, DoorState};
use crate::egress::audit_record::EgressRecord;
use crate::egress::authorize;
use crate::egress::traffic_meter::TrafficDirection;
use crate::gateway::GatewayState;
use crate::http_client::{self, error_chain};
use eklavya_core::egress::{EgressHost, EgressTarget};

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// The most bytes of an answer that are read.
const MAX_BODY: usize = 2 << 20;
/// The longest that all of it may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the row of the audit trail calls it.
const METHOD: &str = "GET";

/// A page as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedPage {
    /// Where it is: the last of the redirects.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// Its `Content-Type`, if it says one.
    pub content_type: Option<String>,
    /// Its first bytes, 2 MiB at most.
    pub body: Vec<u8>,
    /// Whether there is more of it.
    pub truncated: bool,
}

/// Why a page is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What was asked for is no address of a page.
    #[error("{url:?} is no URL of a page: {why}")]
    Url {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// It may not be reached.
    #[error("{url} may not be fetched: {why}")]
    Refused {
        /// What was asked for, or redirected to.
        url: Url,
        /// Why.
        why: String,
    },
    /// It cannot be reached.
    #[error("{url} does not answer: {why}")]
    Failed {
        /// What was asked for, or redirected to.
        url: Url,
        /// Why.
        why: String,
    },
    /// It leads on and on.
    #[error("{0} redirects more than {MAX_REDIRECTS} times")]
    Redirects(Url),
}

/// Fetches pages for the agent of one door.
#[derive(Debug, Clone)]
pub struct PageFetcher {
    gateway: Arc<GatewayState>,
    door: Arc<DoorState>,
}

impl AgentDoor {
    /// Returns what fetches pages for the agent of this door, as long as it is open.
    pub fn page_fetcher(&self) -> PageFetcher {
        PageFetcher {
            gateway: self.gateway.clone(),
            door: self.state.clone(),
        }
    }
}

impl PageFetcher {
    /// Returns the page at `url`.
    ///
    /// # Errors
    /// It is no page, may not be reached, or does not answer in time.
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
            fetched = tokio::time::timeout(PATIENCE, self.follow_redirects(first.clone())) => {
                fetched.unwrap_or_else(|_| Err(late(format!("it took more than {} s", PATIENCE.as_secs()))))
            }
            () = self.door.closing.cancelled() => Err(late("the work is being stopped".to_owned())),
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

    /// Makes one request; where it leads is not asked for yet.
    async fn fetch_once(&self, url: &Url) -> Result<FetchStep, FetchError> {
        let target = parse_target(url);
        let named = match &target {
            Ok(target) => target.to_string(),
            Err(_) => origin_only(url),
        };
        let (addresses, place) = match self.authorize(target).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                record_proxy_refusal(&self.gateway, &self.door, METHOD, &named, &refusal).await;
                let (url, why) = (strip_userinfo(url), refusal.why);
                return Err(FetchError::Refused { url, why });
            }
        };
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let (inner, door) = (self.gateway.clone(), self.door.clone());
        let record = EgressRecord::new(inner, door, METHOD, &named, &shown.join(" "));
        let limits = self.gateway.egress.limits;
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
        drop(place);
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
    ) -> Result<(Vec<SocketAddr>, OwnedSemaphorePermit), ProxyRefusal> {
        let bad = |why: String| ProxyRefusal::new(StatusCode::BAD_REQUEST, why);
        let target = target.map_err(bad)?;
        let place = self.door.connection_slots.clone().acquire_owned().await;
        let place = place.map_err(|error| bad(error.to_string()))?;
        self.door.touch();
        let reach = &self.door.spec.egress_policy;
        let addresses = authorize::authorize_target(&self.gateway.egress, reach, &target).await?;
        Ok((addresses, place))
    }
}

/// What came of one request.
enum FetchStep {
    /// The page.
    Page(FetchedPage),
    /// It is elsewhere.
    Redirect(Url),
}

/// Returns a URL as it is told: what comes after the path may be anybody's secret.
fn origin_only(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Returns a URL as an error names it.
fn strip_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    let (_, _) = (url.set_username(""), url.set_password(None));
    url
}

/// Reads where a URL leads.
fn parse_target(url: &Url) -> Result<EgressTarget, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a user or a password".to_owned());
    }
    let host = url.host_str().ok_or("there is no host")?;
    let host = EgressHost::parse(host).map_err(|error| error.to_string())?;
    let port = url.port_or_known_default().filter(|port| *port != 0);
    let port = port.ok_or("there is no port 0")?;
    Ok(EgressTarget { host, port })
}

/// Asks for a page at addresses that were checked, and at no others.
async fn send_get(
    url: &Url,
    addresses: &[SocketAddr],
    connect: Duration,
) -> Result<Response, String> {
    let host = url.host_str().unwrap_or_default();
    let client = http_client::client_builder(connect)
        .resolve_to_addrs(host, addresses)
        .user_agent(concat!("eklavya/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(error_chain)?;
    let elsewhere = addresses
        .iter()
        .find(|address| Some(address.port()) != url.port_or_known_default());
    let asked = match elsewhere {
        // A preview is where its name does not say.
        Some(address) => client
            .get(with_address(url, *address))
            .header(HOST, url.authority()),
        None => client.get(url.clone()),
    };
    asked.send().await.map_err(error_chain)
}

/// Returns a URL with an address in place of its name.
fn with_address(url: &Url, address: SocketAddr) -> Url {
    let mut there = url.clone();
    // Neither can fail: it is a URL with a host.
    let _ = there.set_ip_host(address.ip());
    let _ = there.set_port(Some(address.port()));
    there
}

/// Takes an answer in, or where it leads.
async fn read_response(
    mut answer: Response,
    url: &Url,
    record: &EgressRecord,
) -> Result<FetchStep, String> {
    let status = answer.status();
    let header = |name| answer.headers().get(name)?.to_str().ok();
    if status.is_redirection()
        && let Some(place) = header(LOCATION)
    {
        let next = url.join(place);
        return Ok(FetchStep::Redirect(next.map_err(|error| {
            format!("it redirects to {place:?}, which is no URL: {error}")
        })?));
    }
    let content_type = header(CONTENT_TYPE).map(str::to_owned);
    let (mut body, mut truncated) = (Vec::new(), false);
    while let Some(piece) = answer.chunk().await.map_err(error_chain)? {
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

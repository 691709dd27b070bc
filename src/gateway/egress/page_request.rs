//! One request for a page, without its redirects.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HOST, HeaderName, LOCATION};
use reqwest::{Response, Url};

use super::audit_record::EgressRecord;
use super::traffic_meter::TrafficDirection;
use crate::http::client::{client_builder, error_chain};
use eklavya_core::egress::{EgressHost, EgressTarget};

/// The most bytes that are read of a body.
const MAX_BODY: usize = 2 << 20;

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

/// The result of one request.
pub(super) enum FetchStep {
    Page(FetchedPage),
    /// The page redirects to this URL.
    Redirect(Url),
}

/// Returns the origin of a URL for the audit trail: its path and query may contain secrets.
pub(super) fn origin_only(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Returns a URL without user and password, for error messages.
pub(super) fn strip_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    let (_, _) = (url.set_username(""), url.set_password(None));
    url
}

/// Returns the target of a URL.
pub(super) fn parse_target(url: &Url) -> Result<EgressTarget, String> {
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
pub(super) async fn send_get(
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
pub(super) async fn read_response(
    response: Response,
    url: &Url,
    record: &EgressRecord,
) -> Result<FetchStep, String> {
    if let Some(next) = redirect_target(&response, url)? {
        return Ok(FetchStep::Redirect(next));
    }
    let status = response.status().as_u16();
    let content_type = header_text(&response, CONTENT_TYPE).map(str::to_owned);
    let (body, truncated) = read_body(response, record).await?;
    Ok(FetchStep::Page(FetchedPage {
        url: url.clone(),
        status,
        content_type,
        body,
        truncated,
    }))
}

fn redirect_target(response: &Response, url: &Url) -> Result<Option<Url>, String> {
    let location = header_text(response, LOCATION).filter(|_| response.status().is_redirection());
    let Some(location) = location else {
        return Ok(None);
    };
    let next = url.join(location);
    next.map(Some)
        .map_err(|error| format!("it redirects to {location:?}, which is not a URL: {error}"))
}

fn header_text(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Returns the first bytes of the body, and whether it is longer.
async fn read_body(
    mut response: Response,
    record: &EgressRecord,
) -> Result<(Vec<u8>, bool), String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(error_chain)? {
        record.meter.add(TrafficDirection::Down, piece.len());
        if let Some(spent) = record.meter.exceeded_bytes() {
            return Err(spent.to_string());
        }
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

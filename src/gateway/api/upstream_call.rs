//! One call of the model, as the real endpoint and a rehearsal both answer it.

use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};

use crate::door::spec::DoorSpec;

/// The endpoint's request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// An API route that agents may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiRoute {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
}

impl ApiRoute {
    pub fn path(self) -> &'static str {
        match self {
            ApiRoute::Messages => "/v1/messages",
            ApiRoute::CountTokens => "/v1/messages/count_tokens",
        }
    }
}

/// A request to the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamRequest {
    pub route: ApiRoute,
    /// Whether the agent's request had `?beta=true`.
    pub beta: bool,
    /// Headers that the endpoint may see, without a credential.
    pub headers: HeaderMap,
    pub body: Bytes,
    pub spec: Arc<DoorSpec>,
}

pub(crate) type ChunkStream = Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

/// A response whose body is still streaming.
pub(crate) struct UpstreamResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ChunkStream,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackendError {
    /// Nothing was sent.
    NotSent(String),
    /// The request was sent, but its outcome is unknown.
    OutcomeUnknown(String),
    /// The rehearsal has no response to the request.
    Unscripted(String),
}

/// Reads a body of at most `limit` bytes; `None` if it is longer or cut short.
pub(crate) async fn read_up_to(mut body: ChunkStream, limit: usize) -> Option<Bytes> {
    let mut read = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.ok()?;
        if read.len() + piece.len() > limit {
            return None;
        }
        read.extend_from_slice(&piece);
    }
    Some(read.freeze())
}

/// Keeps the headers that an agent needs; drops cookies and the account's id.
pub(crate) fn response_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = |name: &str| {
        name.starts_with("anthropic-ratelimit-")
            || matches!(
                name,
                "content-type" | "content-encoding" | "request-id" | "cache-control"
            )
    };
    headers
        .iter()
        .filter(|(name, _)| kept(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

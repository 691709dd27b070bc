//! The source of model responses, a real endpoint or a rehearsal, behind one interface.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::SecretString;

use super::upstream::UpstreamClient;
use crate::door::spec::DoorSpec;
use crate::rehearsal::player::RehearsalPlayer;

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

#[derive(Debug)]
pub(crate) enum ModelBackend {
    Upstream(UpstreamClient),
    Rehearsal(RehearsalPlayer),
}

impl ModelBackend {
    pub async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse, BackendError> {
        match self {
            ModelBackend::Upstream(upstream) => upstream.send(request).await,
            ModelBackend::Rehearsal(player) => player.respond(&request).await,
        }
    }

    /// Returns the name of the endpoint under which all workers share its rate limits.
    pub fn endpoint_name(&self) -> Option<String> {
        match self {
            ModelBackend::Upstream(upstream) => Some(upstream.endpoint_name()),
            ModelBackend::Rehearsal(_) => None,
        }
    }

    pub fn is_rehearsal(&self) -> bool {
        matches!(self, ModelBackend::Rehearsal(_))
    }

    /// Returns the credential, for code that must redact it.
    pub fn secret(&self) -> Option<SecretString> {
        match self {
            ModelBackend::Upstream(upstream) => Some(upstream.secret().clone()),
            ModelBackend::Rehearsal(_) => None,
        }
    }

    /// Returns text from the endpoint without the credential.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        match self {
            ModelBackend::Upstream(upstream) => upstream.redact(text),
            ModelBackend::Rehearsal(_) => text.to_vec(),
        }
    }
}

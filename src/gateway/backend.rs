//! What answers the requests: a real endpoint or a rehearsal, behind one interface.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::SecretString;

use super::door::DoorSpec;
use super::rehearsal::player::Player;
use super::upstream::Upstream;

/// Which of the two routes of the API a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
}

impl Route {
    pub fn path(self) -> &'static str {
        match self {
            Route::Messages => "/v1/messages",
            Route::CountTokens => "/v1/messages/count_tokens",
        }
    }
}

/// A request on its way out.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub route: Route,
    /// Whether the agent asked with `?beta=true`.
    pub beta: bool,
    /// Only headers that may go out; no credential.
    pub headers: HeaderMap,
    pub body: Bytes,
    pub spec: Arc<DoorSpec>,
}

pub(super) type PieceStream = Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

/// An answer whose body is still on its way.
pub(super) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: PieceStream,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendError {
    /// Surely nothing was sent.
    NotSent(String),
    /// It was sent, and what became of it is not known.
    Lost(String),
    /// The rehearsal has no answer to it.
    Unscripted(String),
}

#[derive(Debug)]
pub(super) enum Backend {
    Upstream(Upstream),
    Rehearsal(Player),
}

impl Backend {
    pub async fn send(&self, request: Outgoing) -> Result<Incoming, SendError> {
        match self {
            Backend::Upstream(upstream) => upstream.send(request).await,
            Backend::Rehearsal(player) => player.answer(&request).await,
        }
    }

    /// Returns the name under which all workers share what they know of an endpoint.
    pub fn endpoint(&self) -> Option<String> {
        match self {
            Backend::Upstream(upstream) => Some(upstream.name()),
            Backend::Rehearsal(_) => None,
        }
    }

    pub fn is_rehearsal(&self) -> bool {
        matches!(self, Backend::Rehearsal(_))
    }

    /// Returns the credential, for those who keep it out of what they write.
    pub fn secret(&self) -> Option<SecretString> {
        match self {
            Backend::Upstream(upstream) => Some(upstream.secret().clone()),
            Backend::Rehearsal(_) => None,
        }
    }

    /// Returns text from the endpoint without the credential.
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Backend::Upstream(upstream) => upstream.redact(text),
            Backend::Rehearsal(_) => text.to_vec(),
        }
    }
}

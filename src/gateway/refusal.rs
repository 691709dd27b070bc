//! Answers that are small and complete: the endpoint's errors, and what costs nothing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::api_error::{AnswerBody, SHOULD_RETRY, error_json, full};
use super::backend::{Incoming, PieceStream};
use super::door::DoorProblem;
use super::gateway::Inner;
use super::pricing::Pricing;
use super::settlement::Booking;
use super::usage::usage_of_json;

/// More of an error than this is of no use to anybody.
const MAX_ERROR_BYTES: usize = 1024 * 1024;
/// An error comes at once or not at all.
const ERROR_TIMEOUT: Duration = Duration::from_secs(20);

/// The endpoint's id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Vec<u8>,
}

impl Refusal {
    /// Reads the answer to its end, without the credential should it be quoted there.
    pub async fn read(inner: &Inner, incoming: Incoming) -> Self {
        let read = read_up_to(incoming.body, MAX_ERROR_BYTES);
        let body = tokio::time::timeout(ERROR_TIMEOUT, read)
            .await
            .ok()
            .flatten();
        Self {
            status: incoming.status,
            headers: incoming.headers,
            body: inner.backend.redact(&body.unwrap_or_default()),
        }
    }

    pub fn request_id(&self) -> Option<&str> {
        self.headers.get(REQUEST_ID)?.to_str().ok()
    }

    /// An error is not charged, unless it says so.
    pub fn booking(&self, pricing: &Pricing, model: &str) -> Booking {
        usage_of_json(&self.body).map_or(Booking::Released, |usage| Booking::Exact {
            usage,
            amount: pricing.cost(model, &usage),
        })
    }

    /// Returns what the endpoint said, on one line.
    pub fn message(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let stated = json
            .as_ref()
            .and_then(|json| json["error"]["message"].as_str());
        let text = stated.map_or_else(|| String::from_utf8_lossy(&self.body), Into::into);
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        line.trim().chars().take(500).collect()
    }

    pub fn problem(&self, model: &str) -> DoorProblem {
        let (status, message) = (self.status.as_u16(), self.message());
        match status {
            401 | 403 => DoorProblem::Unauthorized { status, message },
            404 => DoorProblem::ModelNotFound {
                model: model.to_owned(),
                message,
            },
            _ => DoorProblem::Refused { status, message },
        }
    }

    /// Returns the answer for the agent. Trying again would bring the same one.
    pub fn into_answer(self) -> Response<AnswerBody> {
        let is_json = serde_json::from_slice::<serde_json::Value>(&self.body).is_ok();
        let body = if is_json {
            Bytes::from(self.body)
        } else {
            Bytes::from(error_json(self.status, &self.message()).to_string())
        };
        let mut answer = Response::new(full(body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = answer_headers(&self.headers);
        let json = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        answer
            .headers_mut()
            .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        answer
    }
}

/// A complete answer that costs nothing.
#[derive(Debug)]
pub(super) struct Whole {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Whole {
    pub fn into_answer(self) -> Response<AnswerBody> {
        let mut answer = Response::new(full(self.body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
    }
}

/// Reads an answer that costs nothing to its end, or returns what to say in its place.
pub(super) async fn whole(
    inner: &Inner,
    incoming: Incoming,
) -> Result<Whole, Response<AnswerBody>> {
    let read = read_up_to(incoming.body, MAX_ERROR_BYTES);
    let body = tokio::time::timeout(inner.patience.idle, read)
        .await
        .ok()
        .flatten();
    let cut = || super::api_error::final_error(StatusCode::BAD_GATEWAY, "the answer was cut short");
    Ok(Whole {
        status: incoming.status,
        headers: answer_headers(&incoming.headers),
        body: body.ok_or_else(cut)?,
    })
}

/// Reads a body of at most `limit` bytes; nothing where it is longer or cut.
pub(super) async fn read_up_to(mut body: PieceStream, limit: usize) -> Option<Bytes> {
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

/// Keeps the headers of an answer that an agent needs; cookies and the account's id stay outside.
pub(super) fn answer_headers(headers: &HeaderMap) -> HeaderMap {
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

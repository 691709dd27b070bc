//! Small, complete responses: the endpoint's errors, and responses that cost nothing.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::door::error::DoorError;
use crate::gateway::GatewayState;
use crate::http::api_response::{
    ResponseBody, SHOULD_RETRY, error_object, final_error_response, full_body,
};
use crate::model::backend::{ChunkStream, UpstreamResponse};
use crate::model::pricing::PriceTable;
use crate::model::settlement::LedgerSettlement;
use crate::model::usage::usage_of_json;

/// Size limit of an error or a free response.
const MAX_ERROR_BYTES: usize = 1024 * 1024;
/// Time limit to read an error.
const ERROR_TIMEOUT: Duration = Duration::from_secs(20);

/// The endpoint's request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// A response that is not a success.
#[derive(Debug)]
pub(crate) struct UpstreamErrorResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Vec<u8>,
}

impl UpstreamErrorResponse {
    /// Reads the response to its end and redacts the credential, in case the endpoint quotes it.
    pub async fn read(gateway: &GatewayState, incoming: UpstreamResponse) -> Self {
        let read = read_up_to(incoming.body, MAX_ERROR_BYTES);
        let body = tokio::time::timeout(ERROR_TIMEOUT, read)
            .await
            .ok()
            .flatten();
        Self {
            status: incoming.status,
            headers: incoming.headers,
            body: gateway.backend.redact(&body.unwrap_or_default()),
        }
    }

    pub fn request_id(&self) -> Option<&str> {
        self.headers.get(REQUEST_ID)?.to_str().ok()
    }

    /// An error is not charged unless it states a usage.
    pub fn ledger_settlement(&self, pricing: &PriceTable, model: &str) -> LedgerSettlement {
        usage_of_json(&self.body).map_or(LedgerSettlement::Released, |usage| {
            LedgerSettlement::Exact {
                usage,
                amount: pricing.cost(model, &usage),
            }
        })
    }

    /// Returns the endpoint's message, on one line.
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

    pub fn to_door_error(&self, model: &str) -> DoorError {
        let (status, message) = (self.status.as_u16(), self.message());
        match status {
            401 | 403 => DoorError::Unauthorized { status, message },
            404 => DoorError::ModelNotFound {
                model: model.to_owned(),
                message,
            },
            _ => DoorError::Refused { status, message },
        }
    }

    /// Returns the response for the agent, marked as not retryable.
    pub fn into_response(self) -> Response<ResponseBody> {
        let is_json = serde_json::from_slice::<serde_json::Value>(&self.body).is_ok();
        let body = if is_json {
            Bytes::from(self.body)
        } else {
            Bytes::from(error_object(self.status, &self.message()).to_string())
        };
        let mut response = Response::new(full_body(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = response_headers(&self.headers);
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
            .headers_mut()
            .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        response
    }
}

/// A complete response that costs nothing.
#[derive(Debug)]
pub(crate) struct CompleteResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl CompleteResponse {
    pub fn into_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(full_body(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Reads a free response to its end, or returns an error response.
pub(crate) async fn read_complete(
    gateway: &GatewayState,
    incoming: UpstreamResponse,
) -> Result<CompleteResponse, Response<ResponseBody>> {
    let read = read_up_to(incoming.body, MAX_ERROR_BYTES);
    let body = tokio::time::timeout(gateway.timeouts.idle, read)
        .await
        .ok()
        .flatten();
    let cut = || final_error_response(StatusCode::BAD_GATEWAY, "the response was cut short");
    Ok(CompleteResponse {
        status: incoming.status,
        headers: response_headers(&incoming.headers),
        body: body.ok_or_else(cut)?,
    })
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

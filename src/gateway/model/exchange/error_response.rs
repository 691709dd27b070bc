//! An error response of the endpoint: what it costs, what it states, and how the agent sees it.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::api::upstream_call::{REQUEST_ID, UpstreamResponse, read_up_to, response_headers};
use crate::api::usage::usage_of_json;
use crate::door::error::DoorError;
use crate::http::api_response::{ResponseBody, SHOULD_RETRY, error_object, full_body};
use crate::model::backend::ModelBackend;
use crate::model::pricing::PriceTable;
use crate::model::settlement::LedgerSettlement;

/// Size limit of an error.
const MAX_ERROR_BYTES: usize = 1024 * 1024;
/// Time limit to read an error.
const ERROR_TIMEOUT: Duration = Duration::from_secs(20);

/// A response that is not a success.
#[derive(Debug)]
pub(crate) struct UpstreamErrorResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Vec<u8>,
}

impl UpstreamErrorResponse {
    /// Reads the response to its end and redacts the credential, in case the endpoint quotes it.
    pub async fn read(backend: &ModelBackend, incoming: UpstreamResponse) -> Self {
        let read = read_up_to(incoming.body, MAX_ERROR_BYTES);
        let body = tokio::time::timeout(ERROR_TIMEOUT, read)
            .await
            .ok()
            .flatten();
        Self {
            status: incoming.status,
            headers: incoming.headers,
            body: backend.redact(&body.unwrap_or_default()),
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

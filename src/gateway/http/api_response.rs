//! The gateway's own responses, in the error format of the Messages API.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

/// The body of every response to an agent. An error in it ends the connection.
pub(crate) type ResponseBody = BoxBody<Bytes, BodyTruncated>;

/// The response ended before its body was complete.
#[derive(Debug, thiserror::Error)]
#[error("the response was cut short")]
pub(crate) struct BodyTruncated;

/// Controls whether the Claude Code CLI retries the request.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

pub(crate) fn full_body(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

pub(crate) fn json_response(
    status: StatusCode,
    body: &serde_json::Value,
) -> Response<ResponseBody> {
    let mut response = Response::new(full_body(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Returns an error that the CLI does not retry.
pub(crate) fn final_error_response(status: StatusCode, message: &str) -> Response<ResponseBody> {
    let mut response = json_response(status, &error_object(status, message));
    response
        .headers_mut()
        .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    response
}

/// Returns an error object of the Messages API.
pub(crate) fn error_object(status: StatusCode, message: &str) -> serde_json::Value {
    json!({ "type": "error", "error": { "type": error_type(status), "message": message } })
}

/// The API's name for a status (<https://docs.claude.com/en/api/errors>).
fn error_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

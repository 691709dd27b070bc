//! The gateway's own answers, in the error format of the Messages API.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

/// The body of every answer to an agent. Its error ends the connection.
pub(crate) type ResponseBody = BoxBody<Bytes, BodyTruncated>;

/// The answer could not be brought to its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut short")]
pub struct BodyTruncated;

/// Tells the Claude Code CLI whether to try again.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Returns a body that is complete.
pub(crate) fn full_body(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// Returns a JSON answer.
pub(crate) fn json_response(
    status: StatusCode,
    body: &serde_json::Value,
) -> Response<ResponseBody> {
    let mut answer = Response::new(full_body(body.to_string()));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// Returns an error that the CLI does not try again.
pub(crate) fn final_error_response(status: StatusCode, message: &str) -> Response<ResponseBody> {
    let mut answer = json_response(status, &error_object(status, message));
    answer
        .headers_mut()
        .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    answer
}

/// Returns the Messages API's error object.
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

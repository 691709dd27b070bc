//! The response of a rehearsal as the endpoint would send it.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use super::message::{BYTES_PER_TOKEN, RehearsedMessage};
use super::step::{ScriptedCut, ScriptedError};
use super::template::TemplateValues;
use crate::api::upstream_call::{ChunkStream, REQUEST_ID, UpstreamResponse};
use crate::http::api_response::error_object;

/// Events that are sent before a response hangs.
const EVENTS_BEFORE_HANG: usize = 2;

/// The chunks of a response, and how it ends.
pub(super) struct RehearsedBody {
    pieces: Vec<Bytes>,
    end: RehearsedBodyEnd,
}

enum RehearsedBodyEnd {
    Complete,
    Cut,
    Hang,
}

impl RehearsedBody {
    /// Lets the response start and then hang.
    pub fn hang(&mut self) {
        self.pieces.truncate(EVENTS_BEFORE_HANG);
        self.end = RehearsedBodyEnd::Hang;
    }

    pub fn cut_at(&mut self, cut: ScriptedCut) {
        if let Some(events) = cut.after_events {
            self.pieces.truncate(events);
        }
        if let Some(bytes) = cut.after_bytes {
            let mut whole = self.pieces.concat();
            whole.truncate(bytes);
            self.pieces = vec![Bytes::from(whole)];
        }
        self.end = RehearsedBodyEnd::Cut;
    }

    fn into_stream(self) -> ChunkStream {
        let pieces = stream::iter(self.pieces.into_iter().map(Ok));
        match self.end {
            RehearsedBodyEnd::Complete => Box::pin(pieces),
            RehearsedBodyEnd::Cut => {
                let end = Err("the rehearsal cuts the response here".to_owned());
                Box::pin(pieces.chain(stream::iter([end])))
            }
            RehearsedBodyEnd::Hang => Box::pin(pieces.chain(stream::pending())),
        }
    }
}

/// Renders a response in the form that the request asks for, within its `max_tokens`.
pub(super) fn render(
    message: &mut RehearsedMessage,
    body: &Value,
    request_bytes: usize,
) -> (HeaderMap, RehearsedBody) {
    message.estimate_usage(request_bytes);
    message.truncate_to(body["max_tokens"].as_u64().unwrap_or(u64::MAX));
    let streamed = body["stream"] == true;
    let (kind, pieces) = if streamed {
        ("text/event-stream; charset=utf-8", message.to_events())
    } else {
        (
            "application/json",
            vec![Bytes::from(message.to_json().to_string())],
        )
    };
    (
        response_headers(kind),
        RehearsedBody {
            pieces,
            end: RehearsedBodyEnd::Complete,
        },
    )
}

/// Returns a response with the status 200.
pub(super) fn ok_response(headers: HeaderMap, pieces: RehearsedBody) -> UpstreamResponse {
    UpstreamResponse {
        status: StatusCode::OK,
        headers,
        body: pieces.into_stream(),
    }
}

/// Returns the token count of a request.
pub(super) fn token_count_response(request_bytes: usize) -> UpstreamResponse {
    let tokens = (request_bytes as u64).div_ceil(BYTES_PER_TOKEN);
    json_response(StatusCode::OK, &json!({ "input_tokens": tokens }))
}

fn response_headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let id = format!("req_rh_{:016x}", rand::random::<u64>());
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers
}

fn json_response(status: StatusCode, body: &Value) -> UpstreamResponse {
    let piece = Ok(Bytes::from(body.to_string()));
    UpstreamResponse {
        status,
        headers: response_headers("application/json"),
        body: Box::pin(stream::iter([piece])),
    }
}

/// Returns the error that a step states.
pub(super) fn error_response(
    error: &ScriptedError,
    values: &TemplateValues,
) -> Result<UpstreamResponse, String> {
    let status = StatusCode::from_u16(error.status).map_err(|e| e.to_string())?;
    let message = error
        .message
        .as_deref()
        .unwrap_or("an error of the rehearsal");
    let mut response = json_response(status, &error_object(status, &values.render_text(message)?));
    if let Some(seconds) = error.retry_after {
        response
            .headers
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

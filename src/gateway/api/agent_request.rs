//! A request of an agent, as it arrives at its door.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use hyper::{Request, StatusCode};
use tokio::sync::Semaphore;

use super::model_call::ModelCall;
use super::request_shape::BadRequest;
use super::upstream_call::ApiRoute;

/// The API's own limit on the size of a request.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Bodies from this size on are parsed with a permit.
const LARGE_BODY_BYTES: usize = 512 * 1024;
/// Time limit for an agent to send the head or the body of a request.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A validated request of an agent.
#[derive(Debug)]
pub(crate) struct AgentRequest {
    pub route: ApiRoute,
    pub beta: bool,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The parsed message request, with its cost bounds; `None` for a free request.
    pub model_call: Option<ModelCall>,
    /// Whether a subagent sent it.
    pub is_subagent: bool,
}

impl AgentRequest {
    /// Reads and validates a request. `large_body_slots` are the permits for parsing large ones.
    ///
    /// # Errors
    /// The status of the refusal, and its reason for the agent.
    pub async fn read(
        route: ApiRoute,
        request: Request<Incoming>,
        large_body_slots: &Semaphore,
    ) -> Result<Self, (StatusCode, String)> {
        let beta = request.uri().query() == Some("beta=true");
        let (head, body) = request.into_parts();
        require_uncompressed(&head.headers)?;
        let body = read_body(body).await?;
        let model_call = match route {
            ApiRoute::Messages => Some(parse_model_call(body.clone(), large_body_slots).await?),
            ApiRoute::CountTokens => None,
        };
        Ok(Self {
            route,
            beta,
            headers: upstream_headers(&head.headers),
            body,
            model_call,
            is_subagent: head.headers.contains_key("x-claude-code-agent-id"),
        })
    }
}

fn require_uncompressed(headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_none_or(|encoding| encoding == "identity") {
        return Ok(());
    }
    let why = "send the body uncompressed".to_owned();
    Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why))
}

async fn read_body(body: Incoming) -> Result<Bytes, (StatusCode, String)> {
    let read = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(READ_TIMEOUT, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("a request may have at most {MAX_BODY_BYTES} bytes");
            Err((StatusCode::PAYLOAD_TOO_LARGE, why))
        }
        _ => {
            let why = "the body did not arrive in time".to_owned();
            Err((StatusCode::BAD_REQUEST, why))
        }
    }
}

/// Parses a body. A large one costs time and memory, so only a few are parsed at a time.
async fn parse_model_call(
    body: Bytes,
    large_body_slots: &Semaphore,
) -> Result<ModelCall, (StatusCode, String)> {
    let parsed = if body.len() < LARGE_BODY_BYTES {
        ModelCall::parse(body)
    } else {
        let _permit = large_body_slots.acquire().await;
        let parsing = tokio::task::spawn_blocking(move || ModelCall::parse(body));
        parsing
            .await
            .unwrap_or_else(|_| Err(BadRequest("the body cannot be read".to_owned())))
    };
    parsed.map_err(|bad| (StatusCode::BAD_REQUEST, bad.to_string()))
}

/// Keeps the headers that the endpoint may see; the agent's key is not among them.
fn upstream_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = |name: &str| {
        name.starts_with("anthropic-")
            || name.starts_with("x-stainless-")
            || matches!(name, "user-agent" | "x-app" | "accept")
    };
    headers
        .iter()
        .filter(|(name, _)| kept(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

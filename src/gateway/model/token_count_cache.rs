//! Caches responses to `count_tokens`: the CLI repeats the same requests, and the same text always
//! has the same number of tokens.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::api::agent_request::AgentRequest;
use crate::api::complete_response::CompleteResponse;
use crate::api::upstream_call::ApiRoute;
use crate::http::api_response::ResponseBody;
use eklavya_core::digest::sha256_of_parts;
use eklavya_services::bus::Bus;

/// Lifetime of a cached response.
const CACHE_TTL: Duration = Duration::from_mins(10);
/// A response is one number; a longer one is not a token count.
const MAX_COUNT_BYTES: usize = 4096;

/// A cache of token counts, shared by all workers.
#[derive(Debug)]
pub(crate) struct TokenCountCache {
    bus: Bus,
    endpoint: String,
}

impl TokenCountCache {
    pub fn new(bus: Bus, endpoint: String) -> Self {
        Self { bus, endpoint }
    }

    /// Returns the cached response to the same request.
    pub async fn lookup(&self, request: &AgentRequest) -> Option<Response<ResponseBody>> {
        let body = self.bus.get(&self.cache_key(request)?).await?;
        let json = HeaderValue::from_static("application/json");
        let known = CompleteResponse {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]),
            body: Bytes::from(body),
        };
        is_token_count(&known).then(|| known.into_response())
    }

    /// Caches a response if it is a token count.
    pub async fn store(&self, request: &AgentRequest, response: &CompleteResponse) {
        let (Some(key), Ok(text)) = (self.cache_key(request), std::str::from_utf8(&response.body))
        else {
            return;
        };
        if is_token_count(response) {
            self.bus.put(&key, text, CACHE_TTL).await;
        }
    }

    /// Returns the key with everything that the response depends on; `None` for other requests.
    fn cache_key(&self, request: &AgentRequest) -> Option<String> {
        if request.route != ApiRoute::CountTokens {
            return None;
        }
        let beta = [u8::from(request.beta)];
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("anthropic-"))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        headers.sort_unstable();
        let parts = [self.endpoint.as_bytes(), &beta, &request.body];
        let parts = parts
            .into_iter()
            .chain(headers.into_iter().flat_map(|(name, value)| [name, value]));
        Some(format!("count_tokens:{}", sha256_of_parts(parts)))
    }
}

/// Whether a response is only a token count.
fn is_token_count(response: &CompleteResponse) -> bool {
    let is_plain = response.headers.get(CONTENT_ENCODING).is_none();
    if response.status != StatusCode::OK || !is_plain || response.body.len() > MAX_COUNT_BYTES {
        return false;
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    json.is_some_and(|json| json["input_tokens"].is_u64())
}

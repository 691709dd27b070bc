//! Answers to `count_tokens` are kept for a while: the CLI asks the same again and again, and the
//! same text always has the same number of tokens.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use crate::api_response::ResponseBody;
use crate::model::backend::ApiRoute;
use crate::model::exchange::AgentRequest;
use crate::model::upstream::upstream_error::CompleteResponse;
use eklavya_core::digest::sha256_of_parts;
use eklavya_services::bus::Bus;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_mins(10);
/// An answer is one number; anything longer is something else.
const LONGEST: usize = 4096;

/// Answers that need not be asked for again, shared by all workers.
#[derive(Debug)]
pub(crate) struct TokenCountCache {
    bus: Bus,
    endpoint: String,
}

impl TokenCountCache {
    pub fn new(bus: Bus, endpoint: String) -> Self {
        Self { bus, endpoint }
    }

    /// Returns the answer to the very same question, if it is known.
    pub async fn lookup(&self, asked: &AgentRequest) -> Option<Response<ResponseBody>> {
        let body = self.bus.get(&self.cache_key(asked)?).await?;
        let json = HeaderValue::from_static("application/json");
        let known = CompleteResponse {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]),
            body: Bytes::from(body),
        };
        is_token_count(&known).then(|| known.into_response())
    }

    /// Keeps an answer, where it is one that can be given again.
    pub async fn store(&self, asked: &AgentRequest, answer: &CompleteResponse) {
        let (Some(key), Ok(text)) = (self.cache_key(asked), std::str::from_utf8(&answer.body))
        else {
            return;
        };
        if is_token_count(answer) {
            self.bus.put(&key, text, KEPT).await;
        }
    }

    /// Everything that the answer depends on; nothing where the question is another one.
    fn cache_key(&self, asked: &AgentRequest) -> Option<String> {
        if asked.route != ApiRoute::CountTokens {
            return None;
        }
        let beta = [u8::from(asked.beta)];
        let mut headers: Vec<_> = asked
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("anthropic-"))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        headers.sort_unstable();
        let parts = [self.endpoint.as_bytes(), &beta, &asked.body];
        let parts = parts
            .into_iter()
            .chain(headers.into_iter().flat_map(|(name, value)| [name, value]));
        Some(format!("count_tokens:{}", sha256_of_parts(parts)))
    }
}

/// Whether an answer is a number of tokens and nothing that only holds at the moment.
fn is_token_count(answer: &CompleteResponse) -> bool {
    let is_plain = answer.headers.get(CONTENT_ENCODING).is_none();
    if answer.status != StatusCode::OK || !is_plain || answer.body.len() > LONGEST {
        return false;
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    json.is_some_and(|json| json["input_tokens"].is_u64())
}

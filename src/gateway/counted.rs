//! Answers to `count_tokens` are kept for a while: the CLI asks the same again and again, and the
//! same text always has the same number of tokens.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

use super::api_error::AnswerBody;
use super::backend::Route;
use super::exchange::Asked;
use super::refusal::Whole;
use eklavya_core::domain::digest::sha256_of_parts;
use eklavya_services::bus::Bus;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_mins(10);
/// An answer is one number; anything longer is something else.
const LONGEST: usize = 4096;

/// Answers that need not be asked for again, shared by all workers.
#[derive(Debug)]
pub(super) struct Counted {
    bus: Bus,
    endpoint: String,
}

impl Counted {
    pub fn new(bus: Bus, endpoint: String) -> Self {
        Self { bus, endpoint }
    }

    /// Returns the answer to the very same question, if it is known.
    pub async fn find(&self, asked: &Asked) -> Option<Response<AnswerBody>> {
        let body = self.bus.get(&self.key(asked)?).await?;
        let json = HeaderValue::from_static("application/json");
        let known = Whole {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]),
            body: Bytes::from(body),
        };
        is_count(&known).then(|| known.into_answer())
    }

    /// Keeps an answer, where it is one that can be given again.
    pub async fn keep(&self, asked: &Asked, answer: &Whole) {
        let (Some(key), Ok(text)) = (self.key(asked), std::str::from_utf8(&answer.body)) else {
            return;
        };
        if is_count(answer) {
            self.bus.put(&key, text, KEPT).await;
        }
    }

    /// Everything that the answer depends on; nothing where the question is another one.
    fn key(&self, asked: &Asked) -> Option<String> {
        if asked.route != Route::CountTokens {
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
fn is_count(answer: &Whole) -> bool {
    let is_plain = answer.headers.get(CONTENT_ENCODING).is_none();
    if answer.status != StatusCode::OK || !is_plain || answer.body.len() > LONGEST {
        return false;
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    json.is_some_and(|json| json["input_tokens"].is_u64())
}

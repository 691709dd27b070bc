//! Parses what the gateway must know of a request: the model, the cost bounds, and the position of
//! its limits.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request_shape::{BadRequest, RequestShape, bad_request};
use super::strict_json::StrictJson;

/// A request with fewer output tokens than this is not useful.
const MIN_USEFUL_TOKENS: u64 = 256;
/// The API's minimum thinking budget.
const MIN_THINKING_TOKENS: u64 = 1_024;

/// A validated request for a message.
#[derive(Debug, Clone)]
pub(crate) struct ModelCall {
    pub model: String,
    /// The cost bounds.
    pub shape: RequestShape,
    body: Bytes,
    max_tokens_at: Range<usize>,
    thinking: Option<ThinkingBudget>,
}

#[derive(Debug, Clone)]
struct ThinkingBudget {
    budget: u64,
    at: Range<usize>,
}

#[derive(Deserialize)]
struct RequestSpans<'a> {
    #[serde(borrow)]
    max_tokens: &'a RawValue,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ThinkingSpan<'a> {
    #[serde(borrow)]
    budget_tokens: Option<&'a RawValue>,
}

impl ModelCall {
    /// Parses the body of `POST /v1/messages`.
    ///
    /// # Errors
    /// The body is not a message request, or it could cost or reach more than the gateway can
    /// account for: tools that the endpoint runs (except web search), content behind URLs, speeds
    /// with a surcharge.
    pub fn parse(body: Bytes) -> Result<Self, BadRequest> {
        let root: StrictJson = serde_json::from_slice(&body)
            .map_err(|error| BadRequest(format!("the request is not usable JSON: {error}")))?;
        let model = read_model(&root)?;
        let max_tokens = read_max_tokens(&root)?;
        let mut shape = RequestShape::read(&root, body.len(), max_tokens)?;
        let (max_tokens_at, thinking) = find_spans(&body)?;
        let floor = thinking.as_ref().map_or(0, |_| MIN_THINKING_TOKENS);
        shape.min_tokens = (MIN_USEFUL_TOKENS + floor).min(max_tokens);
        Ok(Self {
            model,
            shape,
            body,
            max_tokens_at,
            thinking,
        })
    }

    /// Returns the body, unchanged.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body with a lower `max_tokens`; a thinking budget is kept below it. Every other
    /// byte stays unchanged.
    pub fn with_max_tokens(&self, max_tokens: u64) -> Bytes {
        if max_tokens >= self.shape.max_tokens {
            return self.body.clone();
        }
        let mut changes = vec![(self.max_tokens_at.clone(), max_tokens)];
        if let Some(thinking) = self.thinking.as_ref().filter(|t| t.budget >= max_tokens) {
            let budget = max_tokens.saturating_sub(1).max(MIN_THINKING_TOKENS);
            changes.push((thinking.at.clone(), budget));
        }
        changes.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
        let mut body = self.body.to_vec();
        for (at, number) in changes {
            body.splice(at, number.to_string().into_bytes());
        }
        Bytes::from(body)
    }
}

fn read_model(root: &StrictJson) -> Result<String, BadRequest> {
    match root.get("model").and_then(StrictJson::as_str) {
        Some(model) if !model.is_empty() && model.len() <= 200 => Ok(model.to_owned()),
        _ => bad_request("model: a name of at most 200 bytes is needed"),
    }
}

fn read_max_tokens(root: &StrictJson) -> Result<u64, BadRequest> {
    let stated = root.get("max_tokens").and_then(StrictJson::as_whole_number);
    match stated.filter(|n| *n > 0) {
        Some(max_tokens) => Ok(max_tokens),
        None => bad_request("max_tokens: a whole number above zero is needed"),
    }
}

/// Finds the numbers that [`ModelCall::with_max_tokens`] replaces.
fn find_spans(body: &Bytes) -> Result<(Range<usize>, Option<ThinkingBudget>), BadRequest> {
    let unusable = |error: serde_json::Error| BadRequest(format!("unusable request: {error}"));
    let spans: RequestSpans<'_> = serde_json::from_slice(body).map_err(unusable)?;
    let place = |raw: &RawValue| {
        let start = raw.get().as_ptr().addr() - body.as_ptr().addr();
        start..start + raw.get().len()
    };
    let object = spans.thinking.filter(|raw| raw.get().starts_with('{'));
    let thinking = match object {
        Some(raw) => {
            let span: ThinkingSpan<'_> = serde_json::from_str(raw.get()).map_err(unusable)?;
            span.budget_tokens
        }
        None => None,
    };
    let thinking = thinking.map(|raw| {
        raw.get()
            .parse()
            .map(|budget| ThinkingBudget {
                budget,
                at: place(raw),
            })
            .map_err(|_| BadRequest("thinking.budget_tokens: a whole number is needed".into()))
    });
    Ok((place(spans.max_tokens), thinking.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ModelCall, BadRequest> {
        ModelCall::parse(Bytes::from(text.to_owned()))
    }

    #[test]
    fn lowering_max_tokens_changes_only_the_numbers() {
        let text = r#"{ "model":"m","messages":[{"max_tokens":5}], "max_tokens" : 32000 , "thinking":{"type":"enabled","budget_tokens":31999},"z":1.0}"#;
        let call = parse(text).unwrap();
        let expected = text.replace(": 32000", ": 2000").replace("31999", "1999");
        assert_eq!(call.with_max_tokens(2000), expected.as_bytes());
        assert_eq!(call.with_max_tokens(32000), text.as_bytes());
        assert_eq!(call.shape.min_tokens, 1280);
    }

    #[test]
    fn content_that_costs_more_than_its_bytes_is_counted() {
        let call = parse(
            r#"{"model":"m","max_tokens":9,"stream":true,"tools":[{"name":"a"},{"type":"web_search_20250305","max_uses":3}],
            "messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"base64"}}]},
            {"type":"document","source":{"type":"base64"},"cache_control":{"type":"ephemeral","ttl":"1h"}},
            {"type":"tool_use","input":{"type":"image","source":{"type":"url"}}}]}]}"#,
        )
        .unwrap();
        let shape = call.shape;
        assert_eq!(
            (shape.images, shape.web_searches, shape.min_tokens),
            (1, 3, 9)
        );
        assert!(shape.documents && shape.one_hour_cache);
    }

    #[test]
    fn invalid_and_unpriceable_requests_are_refused() {
        for (text, says) in [
            ("", "not usable JSON"),
            ("[]", "model"),
            (r#"{"model":"m"}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":0}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":1.5}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":1,"max_tokens":2}"#, "twice"),
            (r#"{"model":"m","max_tokens":1,"speed":"fast"}"#, "speed"),
            (
                r#"{"model":"m","max_tokens":1,"inference_geo":"us"}"#,
                "inference_geo",
            ),
            (
                r#"{"model":"m","max_tokens":1,"mcp_servers":[{}]}"#,
                "mcp_servers",
            ),
            (
                r#"{"model":"m","max_tokens":1,"tools":[{"type":"web_fetch_20250910"}]}"#,
                "web_fetch",
            ),
            (
                r#"{"model":"m","max_tokens":1,"messages":[{"content":[{"type":"image","source":{"type":"url","url":"http://x"}}]}]}"#,
                "URL",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.0.contains(says), "{text}: {error}");
        }
    }
}

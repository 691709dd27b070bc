//! The cost bounds of a request, and the requests that have none.

use super::strict_json::StrictJson;

/// Tokens that the API adds to a prompt (tool-use preamble and similar; documented figures are
/// below 1,000), in addition to one token per byte of the request.
const OVERHEAD_TOKENS: u64 = 2_000;
/// The most tokens of one image, whatever its size in bytes.
const IMAGE_TOKENS: u64 = 6_000;
/// The largest context window of any model: a small PDF can have any number of tokens up to it.
const CONTEXT_TOKENS: u64 = 1_000_000;
/// The most tokens that the results of one web search add to the prompt.
const SEARCH_TOKENS: u64 = 10_000;
/// The searches that are assumed for a web search tool without `max_uses`.
const DEFAULT_SEARCHES: u64 = 10;
/// Kinds of tools that run on the agent's side; the endpoint runs all other kinds.
const CLIENT_TOOLS: [&str; 6] = [
    "custom",
    "bash_",
    "text_editor_",
    "computer_",
    "memory_",
    "tool_search_tool_",
];

/// Why a request is rejected before it costs anything; the agent reads the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRequest(pub String);

pub(super) fn bad_request<T>(reason: impl Into<String>) -> Result<T, BadRequest> {
    Err(BadRequest(reason.into()))
}

/// The cost bounds of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RequestShape {
    pub body_bytes: u64,
    /// Number of images.
    pub images: u64,
    /// Whether it contains a binary document.
    pub documents: bool,
    /// Whether it asks for a one-hour cache.
    pub one_hour_cache: bool,
    /// The most web searches that the model may make.
    pub web_searches: u64,
    /// The requested `max_tokens`.
    pub max_tokens: u64,
    /// The fewest output tokens that are useful.
    pub min_tokens: u64,
}

impl RequestShape {
    /// Reads the bounds of a request; the fewest useful tokens remain to be set.
    ///
    /// # Errors
    /// The request could cost or reach more than the gateway can account for.
    pub(super) fn read(
        root: &StrictJson,
        body_bytes: usize,
        max_tokens: u64,
    ) -> Result<Self, BadRequest> {
        refuse_surcharges(root)?;
        let mut shape = Self {
            body_bytes: body_bytes as u64,
            max_tokens,
            web_searches: count_web_searches(root)?,
            ..Self::default()
        };
        shape.count_content(root)?;
        Ok(shape)
    }

    /// Counts content that may cost more tokens than it has bytes. Tool arguments are data, not
    /// content.
    fn count_content(&mut self, value: &StrictJson) -> Result<(), BadRequest> {
        match value {
            StrictJson::List(items) => items.iter().try_for_each(|item| self.count_content(item)),
            StrictJson::Object(members) => {
                self.count_block(value)?;
                members
                    .iter()
                    .filter(|(key, _)| key != "input" && key != "input_schema")
                    .try_for_each(|(_, member)| self.count_content(member))
            }
            _ => Ok(()),
        }
    }

    fn count_block(&mut self, block: &StrictJson) -> Result<(), BadRequest> {
        let cache = block
            .get("cache_control")
            .and_then(|cache| cache.get("ttl"));
        self.one_hour_cache |= cache.is_some_and(|ttl| ttl.as_str() != Some("5m"));
        let kind = block.get("type").and_then(StrictJson::as_str);
        if !matches!(kind, Some("image" | "document")) {
            return Ok(());
        }
        let source = block
            .get("source")
            .and_then(|s| s.get("type"))
            .and_then(StrictJson::as_str);
        match (kind, source) {
            (_, Some("url" | "file")) => {
                return bad_request(
                    "content behind a URL or a file id is not supported; send the content itself",
                );
            }
            (Some("image"), _) => self.images += 1,
            (_, Some("text")) => {}
            _ => self.documents = true,
        }
        Ok(())
    }

    /// Returns the most input tokens that can be charged. Every byte is at most one token; each web
    /// search sends the whole prompt again, with the results so far.
    pub fn max_input_tokens(&self) -> u64 {
        let documents = if self.documents { CONTEXT_TOKENS } else { 0 };
        let prompt = self
            .body_bytes
            .saturating_add(OVERHEAD_TOKENS)
            .saturating_add(self.images.saturating_mul(IMAGE_TOKENS))
            .saturating_add(documents);
        let rounds = self.web_searches.min(10_000);
        prompt
            .saturating_mul(rounds + 1)
            .saturating_add(SEARCH_TOKENS * (rounds * (rounds + 1) / 2))
    }
}

/// The price list has standard prices, so options with a surcharge are rejected.
fn refuse_surcharges(root: &StrictJson) -> Result<(), BadRequest> {
    for (key, allowed) in [("speed", "standard"), ("inference_geo", "global")] {
        match root.get(key) {
            None | Some(StrictJson::Null) => {}
            Some(value) if value.as_str() == Some(allowed) => {}
            Some(_) => return bad_request(format!("{key}: only {allowed:?} is supported")),
        }
    }
    for key in ["mcp_servers", "container"] {
        if root.get(key).is_some_and(|value| !value.is_empty()) {
            return bad_request(format!("{key}: the endpoint's own tools are not supported"));
        }
    }
    Ok(())
}

fn count_web_searches(root: &StrictJson) -> Result<u64, BadRequest> {
    let mut searches = 0_u64;
    for tool in root.get("tools").map_or(&[][..], StrictJson::as_list) {
        let kind = tool
            .get("type")
            .and_then(StrictJson::as_str)
            .unwrap_or("custom");
        if kind.starts_with("web_search_") {
            let uses = tool.get("max_uses").and_then(StrictJson::as_whole_number);
            searches = searches.saturating_add(uses.unwrap_or(DEFAULT_SEARCHES));
        } else if !CLIENT_TOOLS.iter().any(|known| kind.starts_with(known)) {
            return bad_request(format!(
                "tools: {kind} is not supported; it runs outside the sandbox"
            ));
        }
    }
    Ok(searches)
}

//! Parses the charged usage from a response in transit.

use serde::Deserialize;

use super::sse::SseDecoder;
use eklavya_core::ledger::TokenUsage;

/// The usage object of the Messages API. Figures that `message_delta` omits keep their earlier
/// value.
#[derive(Debug, Default, Deserialize)]
struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<WireCacheCreation>,
    server_tool_use: Option<WireServerTools>,
}

#[derive(Debug, Default, Deserialize)]
struct WireCacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct WireServerTools {
    web_search_requests: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct WireEvent {
    #[serde(rename = "type")]
    kind: String,
    message: Option<WireMessage>,
    usage: Option<WireUsage>,
}

#[derive(Debug, Deserialize)]
struct WireMessage {
    usage: Option<WireUsage>,
}

impl WireUsage {
    /// Merges these figures into `usage`: `output_tokens` replaces, the others replace if they are
    /// above zero (the figures of `message_delta` are cumulative).
    fn lay_over(&self, usage: &mut TokenUsage) {
        let replace = |old: &mut u64, new: Option<u64>| {
            if let Some(new) = new.filter(|new| *new > 0) {
                *old = new;
            }
        };
        usage.output = self.output_tokens.unwrap_or(usage.output);
        replace(&mut usage.input, self.input_tokens);
        replace(&mut usage.cache_read, self.cache_read_input_tokens);
        let searches = self.server_tool_use.as_ref();
        replace(
            &mut usage.web_searches,
            searches.and_then(|tools| tools.web_search_requests),
        );
        self.lay_cache_writes_over(usage);
    }

    /// Cache writes without a stated lifetime are charged as five-minute writes.
    fn lay_cache_writes_over(&self, usage: &mut TokenUsage) {
        let split = self.cache_creation.as_ref();
        let hour = split.and_then(|s| s.ephemeral_1h_input_tokens).unwrap_or(0);
        let short = split.and_then(|s| s.ephemeral_5m_input_tokens).unwrap_or(0);
        let total = self
            .cache_creation_input_tokens
            .unwrap_or(0)
            .max(hour.saturating_add(short));
        if total > 0 {
            usage.cache_write_1h = hour;
            usage.cache_write_5m = total - hour;
        }
    }
}

/// Returns the usage that a complete JSON response states, if any.
pub(crate) fn usage_of_json(body: &[u8]) -> Option<TokenUsage> {
    let message: WireMessage = serde_json::from_slice(body).ok()?;
    let wire = message.usage?;
    wire.output_tokens?;
    let mut usage = TokenUsage::default();
    wire.lay_over(&mut usage);
    Some(usage)
}

/// Parses the usage from a stream of events.
#[derive(Debug, Default)]
pub(crate) struct StreamUsage {
    splitter: SseDecoder,
    usage: TokenUsage,
    figures: Figures,
    end: Option<StreamEnd>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Figures {
    #[default]
    None,
    Start,
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    Stop,
    Error,
}

impl StreamUsage {
    /// Takes the next chunk of the response.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.feed(piece, |data| self.event(data));
        self.splitter = splitter;
    }

    fn event(&mut self, data: &[u8]) {
        // Most of a stream is text; only events with figures are parsed further.
        let Ok(event) = serde_json::from_slice::<WireEvent>(data) else {
            return;
        };
        match event.kind.as_str() {
            "message_start" => {
                self.figures = self.figures.max(Figures::Start);
                if let Some(usage) = event.message.and_then(|message| message.usage) {
                    usage.lay_over(&mut self.usage);
                }
            }
            "message_delta" => {
                if let Some(usage) = event.usage {
                    usage.lay_over(&mut self.usage);
                    if self.figures == Figures::Start && usage.output_tokens.is_some() {
                        self.figures = Figures::Final;
                    }
                }
            }
            "message_stop" => self.end = Some(StreamEnd::Stop),
            "error" => self.end = Some(StreamEnd::Error),
            _ => {}
        }
    }

    /// Returns the usage once it is final: no later event can change it.
    pub fn settled(&self) -> Option<TokenUsage> {
        (self.figures == Figures::Final).then_some(self.usage)
    }

    /// Whether the response is complete.
    pub fn stopped(&self) -> bool {
        self.end == Some(StreamEnd::Stop)
    }

    /// Whether the stream ended with an error.
    pub fn failed(&self) -> bool {
        self.end == Some(StreamEnd::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":100,",
        "\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_1h_input_tokens\":10,\"ephemeral_5m_input_tokens\":20},",
        "\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\n\\ndata: {}\"}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":42,\"input_tokens\":0,",
        "\"server_tool_use\":{\"web_search_requests\":2}}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    );

    fn expected() -> TokenUsage {
        TokenUsage {
            input: 100,
            output: 42,
            cache_read: 7,
            cache_write_5m: 20,
            cache_write_1h: 10,
            web_searches: 2,
        }
    }

    proptest! {
        #[test]
        fn usage_is_read_from_a_stream_in_chunks_of_any_size(size in 1_usize..40) {
            let mut meter = StreamUsage::default();
            for piece in STREAM.as_bytes().chunks(size) {
                meter.feed(piece);
            }
            prop_assert_eq!(meter.settled(), Some(expected()));
            prop_assert!(meter.stopped() && !meter.failed());
        }
    }

    #[test]
    fn a_stream_that_is_cut_before_its_final_usage_has_no_usage() {
        let mut meter = StreamUsage::default();
        meter.feed(&STREAM.as_bytes()[..STREAM.find("message_delta").unwrap()]);
        assert_eq!(meter.settled(), None);
    }

    #[test]
    fn usage_is_read_from_a_json_answer() {
        let usage = usage_of_json(
            br#"{"id":"m","usage":{"input_tokens":5,"output_tokens":6,"cache_creation_input_tokens":9}}"#,
        );
        let expected = TokenUsage {
            input: 5,
            output: 6,
            cache_write_5m: 9,
            ..TokenUsage::default()
        };
        assert_eq!(usage, Some(expected));
        assert_eq!(usage_of_json(br#"{"id":"m"}"#), None);
        assert_eq!(
            usage_of_json(br#"{"id":"m","usage":{"input_tokens":5,"out"#),
            None
        );
    }
}

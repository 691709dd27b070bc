//! The prices of requests, computed from the published prices without the product.

use eklavya_core::ledger::TokenUsage;
use eklavya_gateway::rehearsal::message::RehearsedMessage;

/// The usage and price of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestBill {
    /// Tokens by kind.
    pub usage: TokenUsage,
    /// The price in micro-dollars.
    pub micros: i64,
}

impl RequestBill {
    /// Charges a request.
    pub fn of(model: &str, usage: TokenUsage) -> Self {
        assert_eq!(
            model, "claude-sonnet-5-5",
            "the prices below are for this model"
        );
        // Dollars per million tokens are micro-dollars per token: input 2, output 10, cache read
        // 0.1, cache write for five minutes 2.5, for an hour 4. In tenths, to stay with integers.
        let tenths = usage.input * 20
            + usage.output * 100
            + usage.cache_read
            + usage.cache_write_5m * 25
            + usage.cache_write_1h * 40;
        Self {
            usage,
            micros: i64::try_from(tenths.div_ceil(10)).unwrap(),
        }
    }
}

/// Returns a usage with several kinds of tokens, a little below the gateway's upper bound for a
/// request of this size.
pub fn expensive_usage(
    request_bytes: usize,
    number: usize,
    message: &RehearsedMessage,
) -> TokenUsage {
    let (prompt, number) = (request_bytes as u64, number as u64);
    let text_bytes: usize = message
        .blocks
        .iter()
        .map(|block| block.to_string().len())
        .sum();
    TokenUsage {
        input: prompt / 5 + number,
        output: text_bytes as u64 / 4 + 1,
        cache_read: prompt / 10 + 3 * number,
        cache_write_5m: prompt / 2,
        cache_write_1h: 0,
        web_searches: 0,
    }
}

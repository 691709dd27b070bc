use std::io::Write as _;

use proptest::prelude::*;

use crate::PriceTable;
use crate::api::request_shape::RequestShape;
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;

fn prices() -> PriceTable {
    PriceTable::embedded().unwrap()
}

fn usage(input: u64, output: u64, cache_read: u64, five: u64, hour: u64) -> TokenUsage {
    TokenUsage {
        input,
        output,
        cache_read,
        cache_write_5m: five,
        cache_write_1h: hour,
        web_searches: 0,
    }
}

#[test]
fn a_million_tokens_of_each_kind_cost_the_listed_price() {
    const M: u64 = 1_000_000;
    for (model, expected) in [
        (
            "claude-opus-5-5",
            [4_000_000, 20_000_000, 200_000, 5_000_000, 8_000_000],
        ),
        (
            "opus",
            [4_000_000, 20_000_000, 200_000, 5_000_000, 8_000_000],
        ),
        (
            "claude-sonnet-5-5",
            [2_000_000, 10_000_000, 100_000, 2_500_000, 4_000_000],
        ),
        (
            "claude-sonnet-5-5-20260101",
            [2_000_000, 10_000_000, 100_000, 2_500_000, 4_000_000],
        ),
        ("haiku", [500_000, 500_000, 50_000, 625_000, 1_000_000]),
        (
            "claude-fable-5-2",
            [8_000_000, 40_000_000, 200_000, 10_000_000, 16_000_000],
        ),
        (
            "claude-opus-4-5-20251101",
            [5_000_000, 25_000_000, 500_000, 6_250_000, 10_000_000],
        ),
        (
            "claude-sonnet-5",
            [2_000_000, 10_000_000, 200_000, 2_500_000, 4_000_000],
        ),
        (
            "claude-sonnet-4-6",
            [3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000],
        ),
        (
            "claude-haiku-4-5",
            [1_000_000, 5_000_000, 100_000, 1_250_000, 2_000_000],
        ),
        (
            "claude-fable-5",
            [10_000_000, 50_000_000, 1_000_000, 12_500_000, 20_000_000],
        ),
    ] {
        let one_kind = [
            usage(M, 0, 0, 0, 0),
            usage(0, M, 0, 0, 0),
            usage(0, 0, M, 0, 0),
            usage(0, 0, 0, M, 0),
            usage(0, 0, 0, 0, M),
        ];
        let costs = one_kind.map(|usage| prices().cost(model, &usage).0);
        assert_eq!(costs, expected, "{model}");
    }
}

#[test]
fn the_cost_of_a_request_is_rounded_up_once() {
    assert_eq!(
        prices().cost("claude-opus-5-5", &usage(100, 500, 50_000, 2_000, 0)),
        MicroUsd(30_400)
    );
    assert_eq!(
        prices().cost("claude-haiku-5-5", &usage(1, 0, 0, 0, 0)),
        MicroUsd(1)
    );
    assert_eq!(
        prices().cost("claude-haiku-5-5", &usage(10, 0, 0, 0, 0)),
        MicroUsd(1)
    );
    let searches = TokenUsage {
        web_searches: 3,
        ..TokenUsage::default()
    };
    assert_eq!(prices().cost("opus", &searches), MicroUsd(30_000));
    assert_eq!(
        prices().cost("opus", &TokenUsage::default()),
        MicroUsd::ZERO
    );
}

#[test]
fn the_tier_depends_on_the_whole_prompt() {
    let cost = |usage| prices().cost("claude-haiku-5-5", &usage).0;
    assert_eq!(cost(usage(40_000, 1_000, 60_000, 0, 0)), 4_000 + 500 + 600);
    assert_eq!(
        cost(usage(40_001, 1_000, 60_000, 0, 0)),
        20_001 + 2_500 + 3_000
    );
}

#[test]
fn an_unknown_model_costs_the_highest_price_and_is_flagged() {
    let shape = RequestShape {
        body_bytes: 10,
        max_tokens: 1,
        ..RequestShape::default()
    };
    for model in [
        "gpt-9",
        "claude-opus-5-5-turbo",
        "claude-sonnet-5-50",
        "Opus",
        "",
    ] {
        assert!(prices().quote(model, &shape).unknown_model, "{model}");
        assert_eq!(prices().cost(model, &usage(1, 1, 0, 0, 0)), MicroUsd(90));
    }
    assert!(
        !prices()
            .quote("claude-opus-5-5@20260101", &shape)
            .unknown_model
    );
}

fn load_error(text: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    PriceTable::load(file.path()).unwrap_err().to_string()
}

#[test]
fn an_invalid_price_list_is_refused_with_the_line_of_the_error() {
    let good = "asOf: 2026-11\nwebSearch: 0.01\nmodels:\n  - name: a\n    input: 1\n    output: 2\n    cacheRead: 0.1\n    cacheWrite5m: 1.25\n    cacheWrite1h: 2\n";
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(good.as_bytes()).unwrap();
    let prices = PriceTable::load(file.path()).unwrap();
    assert_eq!(
        (
            prices.as_of(),
            prices.has_price("a"),
            prices.has_price("opus")
        ),
        ("2026-11", true, false)
    );
    for (wrong, says) in [
        (
            good.replace("output", "outptu"),
            ["outptu", "line 6 column 5"],
        ),
        (good.replace("1.25", "cheap"), ["cheap", "line 8"]),
        (good.replace("1.25", "-1"), ["-1", "line 8"]),
        (good.replace("1.25", "0.00000001"), ["0.00000001", "line 8"]),
        (good.replace("    output: 2\n", ""), ["output", "line 4"]),
        (good.replace("- name: a", "- name: [a"), ["line", "column"]),
        (
            good.split("  - name").next().unwrap().to_owned(),
            ["models", "at least one"],
        ),
        (
            format!(
                "{good}  - {{ name: a, input: 1, output: 1, cacheRead: 1, cacheWrite5m: 1, cacheWrite1h: 1 }}"
            ),
            ["\"a\"", "twice"],
        ),
    ] {
        let error = load_error(&wrong);
        assert!(says.iter().all(|part| error.contains(part)), "{error}");
    }
}

proptest! {
    #[test]
    fn no_usage_within_its_bounds_costs_more_than_the_quote(
        model in prop::sample::select(vec!["opus", "haiku", "claude-sonnet-4-6", "claude-fable-5", "what"]),
        body_bytes in 0_u64..400_000, max_tokens in 0_u64..64_000, hour in any::<bool>(),
        parts in prop::array::uniform4(0_u64..1_000), output_share in 0_u64..=1_000,
    ) {
        let shape = RequestShape { body_bytes, max_tokens, one_hour_cache: hour, ..RequestShape::default() };
        let whole = parts.iter().sum::<u64>().max(1);
        let part = |n: usize| parts[n] * (body_bytes + 2_000) / whole;
        let (five, one_hour) = if hour { (part(2), part(3)) } else { (part(2) + part(3), 0) };
        let used = usage(part(0), max_tokens * output_share / 1_000, part(1), five, one_hour);
        let bound = prices().quote(model, &shape).cost_at(max_tokens);
        prop_assert!(prices().cost(model, &used) <= bound);
    }
}

//! Computes the cost and the maximum cost of a request, in exact integer arithmetic.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::price_list::{DollarAmount, ModelEntry, PriceList, RateEntry};
use crate::api::request_shape::RequestShape;
use eklavya_core::ledger::{PriceQuote, TokenUsage, round_up_to_micros};
use eklavya_core::money::MicroUsd;

const EMBEDDED: &str = include_str!("../../../templates/pricing.yaml");

/// Prices per million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct TokenRates {
    input: MicroUsd,
    output: MicroUsd,
    cache_read: MicroUsd,
    cache_write_5m: MicroUsd,
    cache_write_1h: MicroUsd,
}

impl TokenRates {
    fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write_5m: self.cache_write_5m.max(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
        }
    }

    fn max_input_rate(self, one_hour_cache: bool) -> MicroUsd {
        let short = self.input.max(self.cache_read).max(self.cache_write_5m);
        if one_hour_cache {
            short.max(self.cache_write_1h)
        } else {
            short
        }
    }
}

impl From<RateEntry> for TokenRates {
    fn from(entry: RateEntry) -> Self {
        Self {
            input: entry.input.0,
            output: entry.output.0,
            cache_read: entry.cache_read.0,
            cache_write_5m: entry.cache_write_5m.0,
            cache_write_1h: entry.cache_write_1h.0,
        }
    }
}

#[derive(Debug, Clone)]
struct PricedModel {
    names: Vec<String>,
    base: TokenRates,
    over: Option<(u64, TokenRates)>,
}

impl PricedModel {
    fn rates_for(&self, prompt_tokens: u64) -> TokenRates {
        match self.over {
            Some((threshold, rates)) if prompt_tokens > threshold => rates,
            _ => self.base,
        }
    }

    /// Upper bounds on the prices of a request of at most `prompt_tokens`.
    fn max_rates(&self, prompt_tokens: u64) -> TokenRates {
        self.base.max(self.rates_for(prompt_tokens))
    }

    fn matches_name(&self, name: &str) -> bool {
        self.names.iter().any(|known| {
            name.strip_prefix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || is_version_suffix(rest))
        })
    }
}

fn is_version_suffix(suffix: &str) -> bool {
    suffix == "-latest"
        || suffix
            .strip_prefix(['-', '@'])
            .is_some_and(|date| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()))
}

/// Why a price list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceTableError {
    #[error("cannot read the price list {}: {source}", file.display())]
    Read {
        file: PathBuf,
        source: std::io::Error,
    },
    /// The content is not valid; the reason states line and column.
    #[error(
        "the price list {file} is not usable: {reason}; docs and an example are in templates/pricing.yaml"
    )]
    Invalid { file: String, reason: String },
}

/// A dated price list.
#[derive(Debug, Clone)]
pub struct PriceTable {
    as_of: String,
    web_search: MicroUsd,
    models: Vec<PricedModel>,
    fallback: PricedModel,
}

impl PriceTable {
    /// Returns the embedded price list.
    pub fn embedded() -> Result<Self, PriceTableError> {
        Self::parse(EMBEDDED, "templates/pricing.yaml")
    }

    /// Reads a price list that replaces the embedded one.
    pub fn load(file: &Path) -> Result<Self, PriceTableError> {
        let text = std::fs::read_to_string(file).map_err(|source| PriceTableError::Read {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(&text, &file.display().to_string())
    }

    fn parse(text: &str, file: &str) -> Result<Self, PriceTableError> {
        let invalid = |reason: String| PriceTableError::Invalid {
            file: file.to_owned(),
            reason,
        };
        let list: PriceList = serde_yaml::from_str(text).map_err(|e| invalid(e.to_string()))?;
        Self::from_list(list).map_err(invalid)
    }

    fn from_list(list: PriceList) -> Result<Self, String> {
        if list.models.is_empty() {
            return Err("models: at least one model is needed".to_owned());
        }
        let DollarAmount(web_search) = list.web_search;
        let models: Vec<PricedModel> = list.models.into_iter().map(priced_model).collect();
        let mut seen = HashSet::new();
        for name in models.iter().flat_map(|model| &model.names) {
            if name.is_empty() || !seen.insert(name) {
                return Err(format!(
                    "models: the name {name:?} is empty or occurs twice"
                ));
            }
        }
        let dearest = models
            .iter()
            .flat_map(|model| [Some(model.base), model.over.map(|(_, rates)| rates)])
            .flatten()
            .fold(TokenRates::default(), TokenRates::max);
        Ok(Self {
            as_of: list.as_of,
            web_search,
            models,
            fallback: PricedModel {
                names: Vec::new(),
                base: dearest,
                over: None,
            },
        })
    }

    /// Returns the month of the prices, e.g. `2026-11`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    pub fn has_price(&self, model: &str) -> bool {
        self.models.iter().any(|known| known.matches_name(model))
    }

    fn find_model(&self, name: &str) -> &PricedModel {
        self.models
            .iter()
            .find(|model| model.matches_name(name))
            .unwrap_or(&self.fallback)
    }

    /// Returns the cost of this usage of `model`, rounded up to the next micro-dollar.
    pub(crate) fn cost(&self, model: &str, usage: &TokenUsage) -> MicroUsd {
        let rates = self.find_model(model).rates_for(usage.prompt_tokens());
        let tokens = [
            (usage.input, rates.input),
            (usage.output, rates.output),
            (usage.cache_read, rates.cache_read),
            (usage.cache_write_5m, rates.cache_write_5m),
            (usage.cache_write_1h, rates.cache_write_1h),
        ];
        let pico = tokens.iter().fold(0_i128, |sum, (count, rate)| {
            sum.saturating_add(i128::from(*count).saturating_mul(i128::from(rate.0)))
        });
        round_up_to_micros(pico.saturating_add(self.web_search_pico(usage.web_searches)))
    }

    /// Returns the maximum cost of a request of this shape.
    pub(crate) fn quote(&self, model: &str, shape: &RequestShape) -> PriceQuote {
        let input_tokens = shape.max_input_tokens();
        let rates = self.find_model(model).max_rates(input_tokens);
        let input_rate = i128::from(rates.max_input_rate(shape.one_hour_cache).0);
        PriceQuote {
            model: model.to_owned(),
            unknown_model: !self.has_price(model),
            fixed_pico: i128::from(input_tokens)
                .saturating_mul(input_rate)
                .saturating_add(self.web_search_pico(shape.web_searches)),
            output_pico: i128::from(rates.output.0),
            max_tokens: shape.max_tokens,
            min_tokens: shape.min_tokens,
        }
    }

    fn web_search_pico(&self, searches: u64) -> i128 {
        i128::from(searches) * i128::from(self.web_search.0) * 1_000_000
    }
}

fn priced_model(entry: ModelEntry) -> PricedModel {
    let mut names = vec![entry.name];
    names.extend(entry.aliases);
    let base = TokenRates {
        input: entry.input.0,
        output: entry.output.0,
        cache_read: entry.cache_read.0,
        cache_write_5m: entry.cache_write_5m.0,
        cache_write_1h: entry.cache_write_1h.0,
    };
    PricedModel {
        names,
        base,
        over: entry.over.map(|over| (over.tokens, over.into())),
    }
}

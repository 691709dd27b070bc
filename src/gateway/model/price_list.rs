//! The file format of the price list: `templates/pricing.yaml` and its replacement.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use eklavya_core::money::MicroUsd;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PriceList {
    pub as_of: String,
    pub web_search: DollarAmount,
    pub models: Vec<ModelEntry>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelEntry {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub input: DollarAmount,
    pub output: DollarAmount,
    #[serde(rename = "cacheRead")]
    pub cache_read: DollarAmount,
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: DollarAmount,
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: DollarAmount,
    pub over: Option<RateEntry>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateEntry {
    pub tokens: u64,
    pub input: DollarAmount,
    pub output: DollarAmount,
    #[serde(rename = "cacheRead")]
    pub cache_read: DollarAmount,
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: DollarAmount,
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: DollarAmount,
}

/// An amount in US dollars, parsed from the decimal text of the number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DollarAmount(pub MicroUsd);

impl<'de> Deserialize<'de> for DollarAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DollarAmountVisitor)
    }
}

struct DollarAmountVisitor;

impl Visitor<'_> for DollarAmountVisitor {
    type Value = DollarAmount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in US dollars, like 0.25")
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<DollarAmount, E> {
        self.visit_str(&whole.to_string())
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<DollarAmount, E> {
        self.visit_str(&whole.to_string())
    }

    // The shortest text that parses to the same number is the text in the file.
    fn visit_f64<E: Error>(self, number: f64) -> Result<DollarAmount, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DollarAmount, E> {
        text.parse().map(DollarAmount).map_err(E::custom)
    }
}

//! The file format of the price list: `templates/pricing.yaml` and its replacement.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use eklavya_core::domain::money::MicroUsd;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PriceList {
    pub as_of: String,
    pub web_search: Dollars,
    pub models: Vec<ModelEntry>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelEntry {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub input: Dollars,
    pub output: Dollars,
    #[serde(rename = "cacheRead")]
    pub cache_read: Dollars,
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: Dollars,
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: Dollars,
    pub over: Option<RateEntry>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateEntry {
    pub tokens: u64,
    pub input: Dollars,
    pub output: Dollars,
    #[serde(rename = "cacheRead")]
    pub cache_read: Dollars,
    #[serde(rename = "cacheWrite5m")]
    pub cache_write_5m: Dollars,
    #[serde(rename = "cacheWrite1h")]
    pub cache_write_1h: Dollars,
}

/// An amount of dollars, read as the decimal number that stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dollars(pub MicroUsd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DollarsVisitor)
    }
}

struct DollarsVisitor;

impl Visitor<'_> for DollarsVisitor {
    type Value = Dollars;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in US dollars, like 0.25")
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<Dollars, E> {
        self.visit_str(&whole.to_string())
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<Dollars, E> {
        self.visit_str(&whole.to_string())
    }

    // The shortest text that reads back as the same number is the text that was written.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Dollars, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Dollars, E> {
        text.parse().map(Dollars).map_err(E::custom)
    }
}

//! Money in whole micro-dollars (1 USD = 1,000,000), so that sums are exact.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// An amount in micro-dollars.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    /// Nothing.
    pub const ZERO: MicroUsd = MicroUsd(0);
    /// One dollar.
    pub const USD: MicroUsd = MicroUsd(1_000_000);

    /// Returns this amount minus `other`, but at least zero.
    pub fn saturating_sub(self, other: MicroUsd) -> MicroUsd {
        MicroUsd(self.0.saturating_sub(other.0).max(0))
    }

    /// Returns this amount in whole percent of `limit`; 100 if the limit is zero.
    pub fn percent_of(self, limit: MicroUsd) -> i64 {
        if limit.0 <= 0 {
            100
        } else {
            i64::try_from(i128::from(self.0) * 100 / i128::from(limit.0)).unwrap_or(i64::MAX)
        }
    }
}

impl Add for MicroUsd {
    type Output = MicroUsd;
    fn add(self, other: MicroUsd) -> MicroUsd {
        MicroUsd(self.0.saturating_add(other.0))
    }
}

impl Sub for MicroUsd {
    type Output = MicroUsd;
    fn sub(self, other: MicroUsd) -> MicroUsd {
        MicroUsd(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for MicroUsd {
    fn add_assign(&mut self, other: MicroUsd) {
        *self = *self + other;
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = MicroUsd>>(amounts: I) -> MicroUsd {
        amounts.fold(MicroUsd::ZERO, Add::add)
    }
}

/// Writes dollars with two to six decimals: `0.50`, `0.000125`.
impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let (whole, mut fraction, mut digits) = (amount / 1_000_000, amount % 1_000_000, 6);
        while digits > 2 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        if f.width().is_none() && f.precision().is_none() {
            return write!(f, "{sign}{whole}.{fraction:0digits$}");
        }
        f.pad(&format!("{sign}{whole}.{fraction:0digits$}"))
    }
}

/// A text that is not an amount of dollars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount in US dollars; write it like 25 or 0.75 (at most six decimals)")]
pub struct InvalidAmount(pub String);

impl FromStr for MicroUsd {
    type Err = InvalidAmount;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim().trim_start_matches('$')).ok_or_else(|| InvalidAmount(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<MicroUsd> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || fraction.len() > 6
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let dollars: i64 = whole.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(MicroUsd(dollars * 1_000_000 + micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, micros, shown) in [
            ("25", 25_000_000, "25.00"),
            ("0.000125", 125, "0.000125"),
            ("$1.5", 1_500_000, "1.50"),
        ] {
            let amount: MicroUsd = text.parse().unwrap();
            assert_eq!((amount.0, amount.to_string().as_str()), (micros, shown));
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in [
            "",
            "-1",
            "1e3",
            "1.0000001",
            ".5",
            "1,5",
            "NaN",
            "9999999999",
        ] {
            assert!(text.parse::<MicroUsd>().is_err(), "{text}");
        }
    }
}

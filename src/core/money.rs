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
        // Nested formatting would take most of the time of a long table.
        let mut text = [b'0'; MAX_LENGTH];
        let mut begin = MAX_LENGTH;
        let mut put = |letter: u8| {
            begin -= 1;
            text[begin] = letter;
        };
        let amount = self.0.unsigned_abs();
        let (mut whole, mut fraction, mut digits) = (amount / 1_000_000, amount % 1_000_000, 6);
        while digits > 2 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        for _ in 0..digits {
            put(digit(fraction));
            fraction /= 10;
        }
        put(b'.');
        loop {
            put(digit(whole));
            whole /= 10;
            if whole == 0 {
                break;
            }
        }
        if self.0 < 0 {
            put(b'-');
        }
        f.pad(std::str::from_utf8(&text[begin..]).map_err(|_| fmt::Error)?)
    }
}

/// The length of the longest amount: a sign, 13 digits of dollars, a point and 6 decimals.
const MAX_LENGTH: usize = 21;

fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
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
    fn every_amount_can_be_written() {
        for (micros, shown) in [
            (0, "0.00"),
            (-1, "-0.000001"),
            (-12_300_000, "-12.30"),
            (i64::MAX, "9223372036854.775807"),
            (i64::MIN, "-9223372036854.775808"),
        ] {
            assert_eq!(MicroUsd(micros).to_string(), shown);
        }
        assert_eq!(
            format!("{:>7}|{:<7}|", MicroUsd(5), MicroUsd::USD),
            "0.000005|1.00   |"
        );
    }

    #[test]
    fn malformed_amounts_are_refused() {
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

//! How often something may be done.

use std::time::Duration;

/// A rate: `burst` at once, and one more after each `interval`.
///
/// Within any time `t`, at most `burst + t / interval` are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many may be done at once after a rest; at least 1.
    pub burst: u32,
    /// The time in which one more may be done; at least a microsecond.
    pub interval: Duration,
}

impl RateLimit {
    /// Returns the rate of at most `count` in any minute, evenly spaced. Zero counts as one.
    pub fn per_minute(count: u32) -> Self {
        const MICROS: u64 = 60_000_000;
        Self {
            burst: 1,
            // Rounded up, so that it is never one more.
            interval: Duration::from_micros(MICROS.div_ceil(u64::from(count.max(1)))),
        }
    }

    /// Returns how much of the rate `count` at once take, and how much it holds, in microseconds.
    /// More than the burst can never be taken at once and counts as the burst.
    pub fn cost_and_capacity(&self, count: u32) -> (i64, i64) {
        let interval =
            i64::try_from(self.interval.as_micros()).map_or(MAX_MICROS, |n| n.min(MAX_MICROS));
        let (interval, burst) = (interval.max(1), self.burst.max(1));
        let of = |count: u32| interval.saturating_mul(i64::from(count)).min(MAX_MICROS);
        (of(count.min(burst)), of(burst))
    }
}

/// A year in microseconds: longer than anything that is waited for, and far from overflow.
const MAX_MICROS: i64 = 366 * 24 * 3600 * 1_000_000;

/// Whether something may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitOutcome {
    /// Now, and it is counted.
    Granted,
    /// Not before this time has passed; nothing is counted.
    Wait(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_never_holds_one_more_than_was_said() {
        for count in [1, 2, 7, 59, 60, 61, 1_000, 59_999_999, u32::MAX] {
            let (cost, room) = RateLimit::per_minute(count).cost_and_capacity(1);
            assert_eq!(cost, room);
            // The first at the start of the minute, each next one `cost` later.
            let within = (60_000_000 - 1) / cost + 1;
            assert!(within <= i64::from(count), "{count}: {within}");
        }
        assert_eq!(RateLimit::per_minute(0), RateLimit::per_minute(1));
    }

    #[test]
    fn odd_rates_stay_within_bounds() {
        let rate = |burst, interval| RateLimit { burst, interval };
        assert_eq!(rate(0, Duration::ZERO).cost_and_capacity(5), (1, 1));
        assert_eq!(
            rate(3, Duration::from_micros(10)).cost_and_capacity(9),
            (30, 30)
        );
        let (cost, room) = rate(u32::MAX, Duration::MAX).cost_and_capacity(u32::MAX);
        assert_eq!((cost, room), (MAX_MICROS, MAX_MICROS));
    }
}

//! Rate limits.

use std::time::Duration;

/// A rate: `burst` at once, and one more after each `interval`.
///
/// Within any time `t`, at most `burst + t / interval` are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many are granted at once after a pause; at least 1.
    pub burst: u32,
    /// The time after which one more is granted; at least a microsecond.
    pub interval: Duration,
}

impl RateLimit {
    /// Returns the rate of at most `count` per minute, evenly spaced. Zero counts as one.
    pub fn per_minute(count: u32) -> Self {
        const MICROS: u64 = 60_000_000;
        Self {
            burst: 1,
            // Rounded up, so that the rate is never exceeded.
            interval: Duration::from_micros(MICROS.div_ceil(u64::from(count.max(1)))),
        }
    }

    /// Returns the cost of `count` at once and the capacity of the rate, in microseconds. A count
    /// above the burst can never be granted at once and costs as much as the burst.
    pub fn cost_and_capacity(&self, count: u32) -> (i64, i64) {
        let interval =
            i64::try_from(self.interval.as_micros()).map_or(MAX_MICROS, |n| n.min(MAX_MICROS));
        let (interval, burst) = (interval.max(1), self.burst.max(1));
        let of = |count: u32| interval.saturating_mul(i64::from(count)).min(MAX_MICROS);
        (of(count.min(burst)), of(burst))
    }
}

/// A year in microseconds: longer than any wait, and far from overflow.
const MAX_MICROS: i64 = 366 * 24 * 3600 * 1_000_000;

/// The answer of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitOutcome {
    /// Granted and counted.
    Granted,
    /// Not before this time has passed; not counted.
    Wait(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_never_has_more_requests_than_the_limit() {
        for count in [1, 2, 7, 59, 60, 61, 1_000, 59_999_999, u32::MAX] {
            let (cost, room) = RateLimit::per_minute(count).cost_and_capacity(1);
            assert_eq!(cost, room);
            // The first request is at the start of the minute, and each next one `cost` later.
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

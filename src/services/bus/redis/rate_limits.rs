//! Rates and pauses that all workers share, by the server's own clock.

use std::time::Duration;

use ::redis::cmd;

use super::RedisBus;
use crate::bus::error::BusUnavailable;
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};

/// Counts against a rate, and returns the microseconds to wait; 0 if it is counted.
///
/// The key contains the time at which the counted requests are used up (the generic cell rate
/// algorithm, <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>). It is at most the
/// rate's capacity in the future; if it is further away, the clock was set back and the value is
/// ignored.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = tonumber(redis.call('GET', KEYS[1]) or now)
if used < now or used > now + room then used = now end
local after = used + cost
if after > now + room then return after - room - now end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return 0";

/// Pauses for some milliseconds, unless the pause is already longer.
const PARK: &str = "
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
end";

/// A year, the longest time to live; the server accepts it.
const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// Returns a duration in the server's unit: whole milliseconds, at least one, rounded up.
pub(crate) fn to_millis(duration: Duration) -> u64 {
    let millis = duration.min(MAX_DURATION).as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(1).max(1)
}

impl RedisBus {
    pub async fn try_acquire(
        &self,
        name: &str,
        count: u32,
        rate: RateLimit,
    ) -> Result<RateLimitOutcome, BusUnavailable> {
        let (cost, room) = rate.cost_and_capacity(count);
        let question = cmd("EVAL")
            .arg(TAKE)
            .arg(1)
            .arg(format!("{}rate:{name}", self.prefix))
            .arg(cost)
            .arg(room)
            .to_owned();
        Ok(match self.request::<i64>(&question).await? {
            ..=0 => RateLimitOutcome::Granted,
            micros => RateLimitOutcome::Wait(Duration::from_micros(micros.unsigned_abs())),
        })
    }

    pub async fn pause(&self, name: &str, pause: Duration) -> Result<(), BusUnavailable> {
        let question = cmd("EVAL")
            .arg(PARK)
            .arg(1)
            .arg(self.pause_key(name))
            .arg(to_millis(pause))
            .to_owned();
        self.request(&question).await
    }

    pub async fn remaining_pause(&self, name: &str) -> Result<Option<Duration>, BusUnavailable> {
        let question = cmd("PTTL").arg(self.pause_key(name)).to_owned();
        // Negative if the key does not exist.
        let left = self.request::<i64>(&question).await?;
        let left = u64::try_from(left).ok().filter(|left| *left > 0);
        Ok(left.map(Duration::from_millis))
    }

    fn pause_key(&self, name: &str) -> String {
        format!("{}park:{name}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_to_milliseconds_and_bounded() {
        assert_eq!(to_millis(Duration::ZERO), 1);
        assert_eq!(to_millis(Duration::from_micros(1_001)), 2);
        assert_eq!(to_millis(Duration::MAX), 366 * 24 * 3_600_000);
    }
}

//! The `rate_limits` table: rates and pauses that all workers share.
//!
//! A row with a timestamp too far in the future was written by another clock and is ignored, so
//! that a clock that was set back does not block the work.

use std::time::Duration;

use jiff::Timestamp;

use crate::params;
use crate::{SqlTransaction, StoreError};
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};

const TABLE: &str = "rate_limits";

/// The tolerated difference between the clocks of two workers, in microseconds.
const MAX_CLOCK_SKEW: i64 = 60_000_000;

/// Counts against the rate `name` in one statement, or returns how long to wait.
pub async fn try_acquire(
    tx: &mut SqlTransaction,
    name: &str,
    count: u32,
    rate: RateLimit,
    now: Timestamp,
) -> Result<RateLimitOutcome, StoreError> {
    // The generic cell rate algorithm: `until_at` is the time at which the counted requests are
    // used up, at most the rate's capacity in the future.
    const TAKE: &str = "INSERT INTO rate_limits (name, until_at, written_at) \
        VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET written_at = $3, until_at = \
        CASE WHEN rate_limits.until_at > $3 AND rate_limits.written_at <= $4 \
        THEN rate_limits.until_at + $5 ELSE $2 END \
        WHERE rate_limits.until_at <= $6 OR rate_limits.written_at > $4";
    let name = format!("rate:{name}");
    let (cost, room) = rate.cost_and_capacity(count);
    let micros = now.as_microsecond();
    let latest = micros + room - cost;
    let values = params![
        &name,
        micros + cost,
        micros,
        micros + MAX_CLOCK_SKEW,
        cost,
        latest
    ];
    if tx.execute(TAKE, values).await? == 1 {
        return Ok(RateLimitOutcome::Granted);
    }
    let until = read_until(tx, &name, now).await?.unwrap_or(micros);
    // At least a microsecond: a zero wait would make the caller ask in a loop.
    let wait = (until - latest).max(1).unsigned_abs();
    Ok(RateLimitOutcome::Wait(Duration::from_micros(wait)))
}

/// Pauses `name` for a time from now, unless it is already paused for longer.
pub async fn pause(
    tx: &mut SqlTransaction,
    name: &str,
    pause: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    const PARK: &str = "INSERT INTO rate_limits (name, until_at, written_at) VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET until_at = $2, written_at = $3 \
        WHERE rate_limits.until_at < $2 OR rate_limits.written_at > $4";
    let micros = now.as_microsecond();
    let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    let values = params![
        format!("park:{name}"),
        micros.saturating_add(pause),
        micros,
        micros + MAX_CLOCK_SKEW
    ];
    tx.execute(PARK, values).await.map(|_| ())
}

/// Returns the remaining pause of `name`, if any.
pub async fn remaining_pause(
    tx: &mut SqlTransaction,
    name: &str,
    now: Timestamp,
) -> Result<Option<Duration>, StoreError> {
    let until = read_until(tx, &format!("park:{name}"), now).await?;
    let left = until.map_or(0, |until| until - now.as_microsecond());
    Ok(u64::try_from(left)
        .ok()
        .filter(|left| *left > 0)
        .map(Duration::from_micros))
}

async fn read_until(
    tx: &mut SqlTransaction,
    name: &str,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "SELECT until_at FROM rate_limits WHERE name = $1 AND written_at <= $2";
    let latest = now.as_microsecond() + MAX_CLOCK_SKEW;
    let record = tx.fetch_optional(SQL, params![name, latest]).await?;
    record
        .map(|record| record.reader(TABLE).int("until_at"))
        .transpose()
}

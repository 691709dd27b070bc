//! Rates and pauses that all workers share: the same tests on Redis, SQLite and PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::FixedClock;
use eklavya_core::ledger::rate_limit::{RateLimit, RateLimitOutcome};
use eklavya_services::shared_limits::SharedLimits;

use crate::bus_fixture::{BusFixture, yield_briefly};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn shared_limits_work_on_sqlite() {
    let fixture = BusFixture::in_process().await;
    all_contracts(&fixture).await;
    a_moved_clock_blocks_no_process(&fixture).await;
}

#[tokio::test]
async fn shared_limits_and_messages_work_on_postgres() {
    // Starting a server takes longer than all these tests, so they share one.
    let fixture = BusFixture::on_postgres().await;
    all_contracts(&fixture).await;
    a_moved_clock_blocks_no_process(&fixture).await;
    Box::pin(crate::messages::all_contracts(&fixture)).await;
}

#[tokio::test]
async fn shared_limits_work_on_redis() {
    all_contracts(&BusFixture::on_redis().await).await;
}

async fn all_contracts(fixture: &BusFixture) {
    all_processes_share_a_rate(fixture).await;
    a_rate_recovers(fixture).await;
    concurrent_requests_get_exactly_the_permits_of_a_rate(fixture).await;
    the_longer_pause_counts_for_all_processes(fixture).await;
    a_pause_ends_by_itself(fixture).await;
}

async fn all_processes_share_a_rate(fixture: &BusFixture) {
    let rate = RateLimit {
        burst: 3,
        interval: HOUR,
    };
    let one = SharedLimits::new(fixture.data.clone());
    let two = SharedLimits::new(fixture.new_process().await);
    let mut turns = Vec::new();
    for limits in [&one, &two, &one] {
        turns.push(limits.try_acquire("a", 1, rate).await.unwrap());
    }
    assert_eq!(turns, [RateLimitOutcome::Granted; 3]);
    for limits in [&one, &two] {
        let RateLimitOutcome::Wait(wait) = limits.try_acquire("a", 1, rate).await.unwrap() else {
            panic!("a fourth permit within the hour");
        };
        assert!(wait > Duration::ZERO && wait <= HOUR, "{wait:?}");
    }
    let two_at_once = two.try_acquire("b", 2, rate).await.unwrap();
    assert_eq!(
        two_at_once,
        RateLimitOutcome::Granted,
        "each name has its own rate"
    );
    assert!(matches!(
        one.try_acquire("b", 2, rate).await.unwrap(),
        RateLimitOutcome::Wait(_)
    ));
    assert_eq!(
        one.try_acquire("b", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
}

async fn a_rate_recovers(fixture: &BusFixture) {
    let limits = SharedLimits::new(fixture.data.clone());
    let rate = RateLimit {
        burst: 1,
        interval: Duration::from_millis(20),
    };
    assert_eq!(
        limits.try_acquire("quick", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    while let RateLimitOutcome::Wait(time) = limits.try_acquire("quick", 1, rate).await.unwrap() {
        assert!(time <= rate.interval, "{time:?}");
        tokio::time::sleep(time).await;
    }
}

async fn concurrent_requests_get_exactly_the_permits_of_a_rate(fixture: &BusFixture) {
    let rate = RateLimit {
        burst: 7,
        interval: HOUR,
    };
    let workers = [fixture.data.clone(), fixture.new_process().await];
    let tries = (0..20).map(|n| {
        let limits = SharedLimits::new(workers[n % 2].clone());
        tokio::spawn(async move { limits.try_acquire("many", 1, rate).await.unwrap() })
    });
    let mut granted = 0;
    for one in tries.collect::<Vec<_>>() {
        granted += usize::from(one.await.unwrap() == RateLimitOutcome::Granted);
    }
    assert_eq!(granted, 7);
}

async fn the_longer_pause_counts_for_all_processes(fixture: &BusFixture) {
    let one = SharedLimits::new(fixture.data.clone());
    let two = SharedLimits::new(fixture.new_process().await);
    assert_eq!(two.remaining_pause("model").await.unwrap(), None);
    one.pause("model", HOUR).await.unwrap();
    two.pause("model", 3 * HOUR).await.unwrap();
    one.pause("model", Duration::from_millis(1)).await.unwrap();
    for limits in [&one, &two] {
        let left = limits.remaining_pause("model").await.unwrap().unwrap();
        assert!(left > 2 * HOUR && left <= 3 * HOUR, "{left:?}");
    }
    assert_eq!(one.remaining_pause("another").await.unwrap(), None);
}

async fn a_pause_ends_by_itself(fixture: &BusFixture) {
    let limits = SharedLimits::new(fixture.data.clone());
    let short = Duration::from_millis(20);
    limits.pause("short", short).await.unwrap();
    while let Some(left) = limits.remaining_pause("short").await.unwrap() {
        assert!(left <= short, "{left:?}");
        yield_briefly().await;
    }
    limits.pause("endless", Duration::MAX).await.unwrap();
    assert!(limits.remaining_pause("endless").await.unwrap().unwrap() > 24 * HOUR);
}

async fn a_moved_clock_blocks_no_process(fixture: &BusFixture) {
    let noon = "2026-11-22T12:00:00Z".parse().unwrap();
    let clock = Arc::new(FixedClock::new(noon));
    let limits = SharedLimits::new(fixture.with_clock(&clock));
    let rate = RateLimit {
        burst: 1,
        interval: Duration::from_mins(10),
    };
    assert_eq!(
        limits.try_acquire("moved", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    limits.pause("moved", HOUR).await.unwrap();
    // A permit becomes available exactly when its interval has passed.
    clock.set(noon + Duration::from_mins(4));
    let wait = RateLimitOutcome::Wait(Duration::from_mins(6));
    assert_eq!(limits.try_acquire("moved", 1, rate).await.unwrap(), wait);
    clock.set(noon + Duration::from_mins(10));
    assert_eq!(
        limits.try_acquire("moved", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    let left = limits.remaining_pause("moved").await.unwrap();
    assert_eq!(left, Some(Duration::from_mins(50)));
    // The clock was set back by a day: entries from the future are ignored.
    clock.set(noon - 24 * HOUR);
    assert_eq!(limits.remaining_pause("moved").await.unwrap(), None);
    assert_eq!(
        limits.try_acquire("moved", 1, rate).await.unwrap(),
        RateLimitOutcome::Granted
    );
    let wait = RateLimitOutcome::Wait(rate.interval);
    assert_eq!(limits.try_acquire("moved", 1, rate).await.unwrap(), wait);
    limits.pause("moved", HOUR).await.unwrap();
    assert_eq!(limits.remaining_pause("moved").await.unwrap(), Some(HOUR));
}

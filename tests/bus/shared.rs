//! Rates and pauses that all workers share: one text for the server, SQLite and PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use eklavya_core::clock::FixedClock;
use eklavya_core::domain::rate::{Rate, Turn};
use eklavya_services::limits::Limits;

use crate::house::{House, pause};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn on_sqlite() {
    let house = House::in_process().await;
    all(&house).await;
    a_clock_that_is_moved_holds_nobody_up(&house).await;
}

#[tokio::test]
async fn on_postgres_with_messages_too() {
    // On one server: to start it costs more than all that is done there.
    let house = House::on_postgres().await;
    all(&house).await;
    a_clock_that_is_moved_holds_nobody_up(&house).await;
    Box::pin(crate::said::all(&house)).await;
}

#[tokio::test]
async fn on_redis() {
    all(&House::on_redis().await).await;
}

async fn all(house: &House) {
    a_rate_is_one_for_all_processes(house).await;
    a_rate_recovers(house).await;
    of_many_at_once_as_many_as_allowed(house).await;
    the_longer_pause_counts_for_everybody(house).await;
    a_pause_ends_by_itself(house).await;
}

async fn a_rate_is_one_for_all_processes(house: &House) {
    let rate = Rate {
        burst: 3,
        interval: HOUR,
    };
    let one = Limits::new(house.desk.clone());
    let two = Limits::new(house.another().await);
    let mut turns = Vec::new();
    for limits in [&one, &two, &one] {
        turns.push(limits.take("a", 1, rate).await.unwrap());
    }
    assert_eq!(turns, [Turn::Granted; 3]);
    for limits in [&one, &two] {
        let Turn::Wait(wait) = limits.take("a", 1, rate).await.unwrap() else {
            panic!("a fourth within the hour");
        };
        assert!(wait > Duration::ZERO && wait <= HOUR, "{wait:?}");
    }
    let two_at_once = two.take("b", 2, rate).await.unwrap();
    assert_eq!(two_at_once, Turn::Granted, "another name is another rate");
    assert!(matches!(
        one.take("b", 2, rate).await.unwrap(),
        Turn::Wait(_)
    ));
    assert_eq!(one.take("b", 1, rate).await.unwrap(), Turn::Granted);
}

async fn a_rate_recovers(house: &House) {
    let limits = Limits::new(house.desk.clone());
    let rate = Rate {
        burst: 1,
        interval: Duration::from_millis(20),
    };
    assert_eq!(limits.take("quick", 1, rate).await.unwrap(), Turn::Granted);
    while let Turn::Wait(time) = limits.take("quick", 1, rate).await.unwrap() {
        assert!(time <= rate.interval, "{time:?}");
        tokio::time::sleep(time).await;
    }
}

async fn of_many_at_once_as_many_as_allowed(house: &House) {
    let rate = Rate {
        burst: 7,
        interval: HOUR,
    };
    let workers = [house.desk.clone(), house.another().await];
    let tries = (0..20).map(|n| {
        let limits = Limits::new(workers[n % 2].clone());
        tokio::spawn(async move { limits.take("many", 1, rate).await.unwrap() })
    });
    let mut granted = 0;
    for one in tries.collect::<Vec<_>>() {
        granted += usize::from(one.await.unwrap() == Turn::Granted);
    }
    assert_eq!(granted, 7);
}

async fn the_longer_pause_counts_for_everybody(house: &House) {
    let one = Limits::new(house.desk.clone());
    let two = Limits::new(house.another().await);
    assert_eq!(two.parked("model").await.unwrap(), None);
    one.park("model", HOUR).await.unwrap();
    two.park("model", 3 * HOUR).await.unwrap();
    one.park("model", Duration::from_millis(1)).await.unwrap();
    for limits in [&one, &two] {
        let left = limits.parked("model").await.unwrap().unwrap();
        assert!(left > 2 * HOUR && left <= 3 * HOUR, "{left:?}");
    }
    assert_eq!(one.parked("another").await.unwrap(), None);
}

async fn a_pause_ends_by_itself(house: &House) {
    let limits = Limits::new(house.desk.clone());
    let short = Duration::from_millis(20);
    limits.park("short", short).await.unwrap();
    while let Some(left) = limits.parked("short").await.unwrap() {
        assert!(left <= short, "{left:?}");
        pause().await;
    }
    limits.park("endless", Duration::MAX).await.unwrap();
    assert!(limits.parked("endless").await.unwrap().unwrap() > 24 * HOUR);
}

async fn a_clock_that_is_moved_holds_nobody_up(house: &House) {
    let noon = "2026-11-22T12:00:00Z".parse().unwrap();
    let clock = Arc::new(FixedClock::new(noon));
    let limits = Limits::new(house.under(&clock));
    let rate = Rate {
        burst: 1,
        interval: Duration::from_mins(10),
    };
    assert_eq!(limits.take("moved", 1, rate).await.unwrap(), Turn::Granted);
    limits.park("moved", HOUR).await.unwrap();
    // To the microsecond: the turn comes when its time has come.
    clock.set(noon + Duration::from_mins(4));
    let wait = Turn::Wait(Duration::from_mins(6));
    assert_eq!(limits.take("moved", 1, rate).await.unwrap(), wait);
    clock.set(noon + Duration::from_mins(10));
    assert_eq!(limits.take("moved", 1, rate).await.unwrap(), Turn::Granted);
    let left = limits.parked("moved").await.unwrap();
    assert_eq!(left, Some(Duration::from_mins(50)));
    // Set back by a day: what was written tomorrow counts for nothing.
    clock.set(noon - 24 * HOUR);
    assert_eq!(limits.parked("moved").await.unwrap(), None);
    assert_eq!(limits.take("moved", 1, rate).await.unwrap(), Turn::Granted);
    let wait = Turn::Wait(rate.interval);
    assert_eq!(limits.take("moved", 1, rate).await.unwrap(), wait);
    limits.park("moved", HOUR).await.unwrap();
    assert_eq!(limits.parked("moved").await.unwrap(), Some(HOUR));
}

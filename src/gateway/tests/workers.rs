//! What several workers of an installation share: pauses, turns, and answers.

use std::time::Duration;

use serde_json::json;

use super::house::{Plan, question};
use super::upstream::{Reply, TestUpstream};
use crate::{Door, DoorProblem, Pause};

/// Waits until a request is held at a door, for a rate limit and for nothing else.
async fn held(door: &Door) {
    while door.parked().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let pause = door.parked();
    assert!(matches!(pause, Some(Pause::RateLimit { .. })), "{pause:?}");
}

#[tokio::test]
async fn one_worker_s_rate_limit_holds_the_requests_of_another() {
    let upstream =
        TestUpstream::start(|_, _| Reply::error(429, "slow down").with("retry-after", "3600"))
            .await;
    let patient = || {
        let mut plan = Plan::upstream(&upstream.url);
        plan.patience.max_park = Duration::from_hours(2);
        plan
    };
    let house = patient().open().await;
    let other = patient().beside(&house).await;
    let first = tokio::spawn(house.post(&question(100, true)).send());
    held(&house.door).await;
    assert_eq!(upstream.seen().len(), 1);
    let second = tokio::spawn(other.post(&question(100, true)).send());
    held(&other.door).await;
    assert_eq!(upstream.seen().len(), 1, "the second was not sent");
    first.abort();
    second.abort();
}

#[tokio::test]
async fn requests_above_the_limit_of_a_minute_wait_at_any_worker() {
    let upstream = TestUpstream::start(|_, _| Reply::stream(1, 1)).await;
    let plan = || {
        let mut plan = Plan::upstream(&upstream.url);
        plan.requests_per_minute = Some(1);
        plan.patience.max_park = Duration::from_hours(2);
        plan
    };
    let house = plan().open().await;
    let other = plan().beside(&house).await;
    assert_eq!(house.ask(&question(100, true)).await.0, 200);
    let waiting = tokio::spawn(other.post(&question(100, true)).send());
    held(&other.door).await;
    assert_eq!(upstream.seen().len(), 1, "the second was not sent");
    waiting.abort();
    // What costs nothing is not counted, and nobody waits for longer than a limit may hold.
    let counted = other.count(&question(100, true));
    assert_ne!(counted.send().await.unwrap().status(), 429);
    let mut impatient = plan();
    impatient.patience.max_park = Duration::ZERO;
    let impatient = impatient.beside(&house).await;
    assert_eq!(impatient.ask(&question(100, true)).await.0, 429);
    assert!(matches!(
        impatient.door.problem(),
        Some(DoorProblem::RateLimitedTooLong(_))
    ));
}

#[tokio::test]
async fn the_same_count_is_asked_for_once() {
    let upstream = TestUpstream::start(|n, seen| {
        assert!(seen.uri.contains("count_tokens"));
        if n == 0 {
            Reply::json(500, &json!({}))
        } else {
            Reply::json(200, &json!({"input_tokens": n}))
        }
    })
    .await;
    let house = Plan::upstream(&upstream.url).open().await;
    let body = question(100, false);
    let ask = async |body: &serde_json::Value, beta: &'static str| {
        let request = house.count(body);
        let answer = request.header("anthropic-beta", beta).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        answer["input_tokens"].as_u64()
    };
    let first = ask(&body, "a").await;
    assert!(first.is_some(), "after an error it is asked again");
    assert_eq!(ask(&body, "a").await, first);
    let seen = upstream.seen().len();
    assert_ne!(ask(&body, "b").await, first, "another question");
    assert_ne!(ask(&question(101, false), "a").await, first);
    assert_eq!(ask(&body, "a").await, first);
    assert_eq!(upstream.seen().len(), seen + 2);
}

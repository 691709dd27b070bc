//! State that several workers of an installation share: pauses, turns, and cached responses.

use std::time::Duration;

use serde_json::json;

use crate::tests::fixture::{GatewayFixtureSpec, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use crate::{AgentDoor, DoorError, RequestPause};

/// Waits until a request is paused at a door, by a rate limit only.
async fn wait_until_paused(door: &AgentDoor) {
    while door.current_pause().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let pause = door.current_pause();
    assert!(
        matches!(pause, Some(RequestPause::RateLimit { .. })),
        "{pause:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_pauses_the_requests_of_all_workers() {
    let upstream = TestUpstream::start(|_, _| {
        CannedResponse::error(429, "slow down").with_header("retry-after", "3600")
    })
    .await;
    let patient = || {
        let mut plan = GatewayFixtureSpec::upstream(&upstream.url);
        plan.timeouts.max_pause = Duration::from_hours(2);
        plan
    };
    let fixture = patient().open().await;
    let other = patient().open_beside(&fixture).await;
    let first = tokio::spawn(fixture.post_message(&message_request(100, true)).send());
    wait_until_paused(&fixture.door).await;
    assert_eq!(upstream.requests().len(), 1);
    let second = tokio::spawn(other.post_message(&message_request(100, true)).send());
    wait_until_paused(&other.door).await;
    assert_eq!(
        upstream.requests().len(),
        1,
        "the second request is not sent"
    );
    first.abort();
    second.abort();
}

#[tokio::test]
async fn requests_over_the_limit_per_minute_wait_at_every_worker() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let plan = || {
        let mut plan = GatewayFixtureSpec::upstream(&upstream.url);
        plan.requests_per_minute = Some(1);
        plan.timeouts.max_pause = Duration::from_hours(2);
        plan
    };
    let fixture = plan().open().await;
    let other = plan().open_beside(&fixture).await;
    assert_eq!(fixture.ask(&message_request(100, true)).await.0, 200);
    let waiting = tokio::spawn(other.post_message(&message_request(100, true)).send());
    wait_until_paused(&other.door).await;
    assert_eq!(
        upstream.requests().len(),
        1,
        "the second request is not sent"
    );
    waiting.abort();
    // Free requests are not counted, and no request waits longer than its maximum.
    let counted = other.post_count_tokens(&message_request(100, true));
    assert_ne!(counted.send().await.unwrap().status(), 429);
    let mut impatient = plan();
    impatient.timeouts.max_pause = Duration::ZERO;
    let impatient = impatient.open_beside(&fixture).await;
    assert_eq!(impatient.ask(&message_request(100, true)).await.0, 429);
    assert!(matches!(
        impatient.door.last_error(),
        Some(DoorError::RateLimitedTooLong(_))
    ));
}

#[tokio::test]
async fn identical_token_counts_are_requested_once() {
    let upstream = TestUpstream::start(|n, seen| {
        assert!(seen.uri.contains("count_tokens"));
        if n == 0 {
            CannedResponse::json(500, &json!({}))
        } else {
            CannedResponse::json(200, &json!({"input_tokens": n}))
        }
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let body = message_request(100, false);
    let ask = async |body: &serde_json::Value, beta: &'static str| {
        let request = fixture.post_count_tokens(body);
        let response = request.header("anthropic-beta", beta).send().await.unwrap();
        let response: serde_json::Value = response.json().await.unwrap();
        response["input_tokens"].as_u64()
    };
    let first = ask(&body, "a").await;
    assert!(first.is_some(), "a failed count is requested again");
    assert_eq!(ask(&body, "a").await, first);
    let seen = upstream.requests().len();
    assert_ne!(
        ask(&body, "b").await,
        first,
        "another header is another count"
    );
    assert_ne!(ask(&message_request(101, false), "a").await, first);
    assert_eq!(ask(&body, "a").await, first);
    assert_eq!(upstream.requests().len(), seen + 2);
}

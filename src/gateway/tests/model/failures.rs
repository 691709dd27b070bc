use std::time::Duration;

use futures_util::StreamExt;

use crate::tests::fixture::{GatewayFixtureSpec, message_request, short_timeouts};
use crate::tests::test_upstream::{CannedEnd, CannedResponse, TestUpstream};
use crate::{DoorError, RequestPause};
use eklavya_core::money::MicroUsd;

/// The maximum cost of the request with 100 tokens: its bytes and the overhead at the price of a
/// cache write, and the output.
fn upper_bound() -> MicroUsd {
    let input = message_request(100, true).to_string().len() + 2_000;
    MicroUsd(i64::try_from(input * 5 + 100 * 20).unwrap())
}

#[tokio::test]
async fn a_cut_stream_is_relayed_and_booked_at_its_upper_bound() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::stream(10, 10).end_after(2, CannedEnd::Cut))
            .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let response = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap();
    let mut pieces = response.bytes_stream();
    let (mut came, mut broke) = (Vec::new(), false);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => came.extend_from_slice(&piece),
            Err(_) => broke = true,
        }
    }
    assert_eq!(
        came,
        CannedResponse::stream(10, 10)
            .end_after(2, CannedEnd::Cut)
            .pieces
            .concat()
    );
    assert!(broke, "the agent must notice the cut");
    let total = fixture.settled_cost().await;
    assert_eq!((total.spent, total.upper_bounds), (upper_bound(), 1));
}

#[tokio::test]
async fn a_stream_that_is_cut_after_its_final_usage_is_booked_exactly() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::stream(10, 10).end_after(3, CannedEnd::Cut))
            .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let _ = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap()
        .bytes()
        .await;
    let total = fixture.settled_cost().await;
    assert_eq!((total.spent, total.upper_bounds), (MicroUsd(240), 0));
}

#[tokio::test]
async fn a_stream_with_an_error_event_is_booked_at_its_upper_bound() {
    let mut reply = CannedResponse::stream(10, 10).end_after(2, CannedEnd::Whole);
    reply
        .pieces
        .push("event: error\ndata: {\"type\":\"error\"}\n\n".into());
    let upstream = TestUpstream::start(move |_, _| reply.clone()).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let _ = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap()
        .bytes()
        .await;
    assert_eq!(fixture.settled_cost().await.spent, upper_bound());
}

#[tokio::test]
async fn a_disconnected_agent_cancels_the_request() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::stream(10, 10).end_after(2, CannedEnd::Hang))
            .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let response = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap();
    let mut pieces = response.bytes_stream();
    pieces.next().await.unwrap().unwrap();
    drop(pieces);
    upstream.abandoned.cancelled().await;
    assert_eq!(fixture.settled_cost().await.spent, upper_bound());
}

#[tokio::test]
async fn closing_the_door_settles_open_requests() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::stream(10, 10).end_after(1, CannedEnd::Hang))
            .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let response = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap();
    let (books, socket) = (fixture.ledger, fixture.door.socket().to_owned());
    fixture.door.close().await;
    assert!(response.bytes().await.is_err());
    let budget = books
        .costs
        .find_budget(books.project_scope())
        .await
        .unwrap();
    assert_eq!(
        (budget.reserved, budget.spent),
        (MicroUsd::ZERO, upper_bound())
    );
    assert!(tokio::net::UnixStream::connect(socket).await.is_err());
    fixture.gateway.shutdown().await;
}

#[tokio::test]
async fn a_silent_stream_ends_after_the_idle_timeout() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::stream(10, 10).end_after(1, CannedEnd::Hang))
            .await;
    let mut plan = GatewayFixtureSpec::upstream(&upstream.url);
    plan.timeouts.idle = Duration::from_millis(50);
    let fixture = plan.open().await;
    assert!(
        fixture
            .post_message(&message_request(100, true))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .is_err()
    );
    assert_eq!(fixture.settled_cost().await.upper_bounds, 1);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_and_the_request_is_retried() {
    let upstream = TestUpstream::start(|number, _| match number {
        0 => CannedResponse::error(429, "slow down").with_header("retry-after-ms", "2000"),
        1 => CannedResponse::error(529, "overloaded").with_header("retry-after-ms", "1"),
        _ => CannedResponse::stream(10, 10),
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let body = message_request(100, true);
    let asking = fixture.ask(&body);
    tokio::pin!(asking);
    let mut shown = None;
    let (status, text) = loop {
        tokio::select! {
            response = &mut asking => break response,
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                if let Some(pause) = fixture.door.current_pause() {
                    let held = fixture.budget().await.reserved;
                    // Nothing is reserved while the request is paused; it may have resumed
                    // meanwhile.
                    if fixture.door.current_pause() == Some(pause) {
                        assert_eq!(held, MicroUsd::ZERO);
                        shown = Some(pause);
                    }
                }
            }
        }
    };
    assert_eq!(
        (status, text.into_bytes()),
        (200, CannedResponse::stream(10, 10).pieces.concat())
    );
    assert!(
        matches!(shown, Some(RequestPause::RateLimit { .. })),
        "{shown:?}"
    );
    let total = fixture.settled_cost().await;
    assert_eq!(
        (total.requests, total.spent, upstream.requests().len()),
        (1, MicroUsd(240), 3)
    );
    assert_eq!(
        (fixture.door.current_pause(), fixture.door.last_error()),
        (None, None)
    );
}

#[tokio::test]
async fn a_rate_limit_over_the_maximum_pause_is_reported_at_once() {
    let upstream = TestUpstream::start(|_, _| {
        CannedResponse::error(429, "limit").with_header("retry-after", "7200")
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let (status, _) = fixture.ask(&message_request(100, true)).await;
    assert_eq!(status, 429);
    assert_eq!(
        fixture.door.last_error(),
        Some(DoorError::RateLimitedTooLong(short_timeouts().max_pause))
    );
    assert_eq!(fixture.settled_cost().await.requests, 0);
}

#[tokio::test]
async fn a_failing_endpoint_is_retried_without_cost() {
    let upstream = TestUpstream::start(|number, _| match number {
        0 => CannedResponse::error(500, "oops"),
        1 => CannedResponse::error(503, "later"),
        _ => CannedResponse::stream(10, 10),
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    assert_eq!(fixture.ask(&message_request(100, true)).await.0, 200);
    assert_eq!(fixture.settled_cost().await.spent, MicroUsd(240));
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_reported_as_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fixture = GatewayFixtureSpec::upstream(&url).open().await;
    let response = fixture
        .post_message(&message_request(100, true))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["x-should-retry"]
        ),
        (503, &"false".parse().unwrap())
    );
    let problem = fixture.door.last_error().unwrap();
    assert!(matches!(problem, DoorError::Unreachable(_)), "{problem:?}");
    assert!(problem.to_string().contains("refused"), "{problem}");
    assert_eq!(fixture.settled_cost().await.requests, 0);
}

#[tokio::test]
async fn every_lost_answer_is_booked_at_its_upper_bound() {
    let upstream = TestUpstream::start(|_, _| {
        CannedResponse::stream(1, 1).end_after(0, CannedEnd::CloseUnanswered)
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    assert_eq!(fixture.ask(&message_request(100, true)).await.0, 503);
    let total = fixture.settled_cost().await;
    assert_eq!((total.requests, total.upper_bounds), (3, 3));
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn permanent_errors_are_returned_without_a_retry() {
    for (status, wanted) in [
        (400, "rejected a request"),
        (403, "credential"),
        (404, "no model"),
    ] {
        let upstream =
            TestUpstream::start(move |_, _| CannedResponse::error(status, "because")).await;
        let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
        let (answered, error) = fixture.ask_json(&message_request(100, true)).await;
        assert_eq!(
            (answered, error["error"]["message"].as_str()),
            (status, Some("because"))
        );
        let problem = fixture.door.last_error().unwrap().to_string();
        assert!(
            problem.contains(wanted) && problem.contains("because"),
            "{problem}"
        );
        assert_eq!(
            (
                upstream.requests().len(),
                fixture.settled_cost().await.requests
            ),
            (1, 0)
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let target = other.url.clone();
    let upstream = TestUpstream::start(move |_, _| {
        CannedResponse::error(307, "there").with_header("location", &target)
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    assert_eq!(fixture.ask(&message_request(100, true)).await.0, 502);
    assert!(other.requests().is_empty() && upstream.requests().len() == 1);
}

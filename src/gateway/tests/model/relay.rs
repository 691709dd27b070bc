use secrecy::ExposeSecret;
use serde_json::json;

use crate::DoorError;
use crate::tests::fixture::{GatewayFixtureSpec, REAL_KEY, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use eklavya_core::money::MicroUsd;

#[tokio::test]
async fn a_stream_passes_unchanged_and_is_booked_exactly() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1000, 500)).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let before = fixture.door.last_activity();
    let response = fixture
        .post_message(&message_request(32_000, true))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["request-id"], "req_1");
    assert!(
        !headers.contains_key("set-cookie") && !headers.contains_key("anthropic-organization-id")
    );
    let body = response.bytes().await.unwrap();
    assert_eq!(body, CannedResponse::stream(1000, 500).pieces.concat());
    // The ledger was settled before the last event arrived.
    assert_eq!(fixture.total_cost().await.spent, MicroUsd(14_000));
    assert!(fixture.door.last_activity() > before && fixture.door.last_error().is_none());

    let seen = &upstream.requests()[0];
    assert_eq!(seen.uri, "/v1/messages?beta=true");
    assert_eq!(seen.body, message_request(32_000, true).to_string());
    assert_eq!(seen.headers["x-api-key"], REAL_KEY);
    assert_eq!(seen.headers["anthropic-version"], "2023-06-01");
    assert!(!seen.headers.contains_key("cookie"));
    assert!(!format!("{:?}", seen.headers).contains(fixture.door.token().expose_secret()));
}

#[tokio::test]
async fn a_response_that_is_not_streamed_is_relayed_and_booked() {
    let body = json!({"content": [], "usage": {"input_tokens": 10, "output_tokens": 20}});
    let reply = body.clone();
    let upstream = TestUpstream::start(move |_, _| CannedResponse::json(200, &reply)).await;
    let fixture = GatewayFixtureSpec::upstream(&format!("{}/prefix/", upstream.url))
        .open()
        .await;
    assert_eq!(
        fixture.ask_json(&message_request(100, false)).await,
        (200, body)
    );
    assert_eq!(fixture.settled_cost().await.spent, MicroUsd(440));
    assert_eq!(upstream.requests()[0].uri, "/prefix/v1/messages?beta=true");
}

#[tokio::test]
async fn counting_tokens_costs_nothing() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::json(200, &json!({"input_tokens": 7}))).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(0)
        .open()
        .await;
    let response = fixture
        .client
        .post("http://gateway/v1/messages/count_tokens")
        .bearer_auth(fixture.door.token().expose_secret())
        .body("{}");
    let response = response.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), r#"{"input_tokens":7}"#);
    assert_eq!(fixture.settled_cost().await.requests, 0);
}

#[tokio::test]
async fn only_known_routes_answer_and_only_with_the_key_of_the_door() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let hello = fixture
        .client
        .head("http://gateway/api/hello")
        .send()
        .await
        .unwrap();
    assert_eq!(hello.status(), 200);
    for path in [
        "/v1/models",
        "/",
        "/v1/messages/batches",
        "/v1/messages/../files",
    ] {
        let request = fixture.client.post(format!("http://gateway{path}"));
        let request = request.header("x-api-key", fixture.door.token().expose_secret());
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
    for key in ["", "eklavya-door-", REAL_KEY] {
        let request = fixture
            .client
            .post("http://gateway/v1/messages")
            .header("x-api-key", key);
        let response = request
            .body(message_request(1, true).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["x-should-retry"]
            ),
            (401, &"false".parse().unwrap())
        );
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_invalid_or_compressed_is_refused() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let large = fixture
        .post_message(&json!({}))
        .body(vec![b' '; 33 * 1024 * 1024])
        .send()
        .await;
    // The response may arrive before the whole body is sent.
    assert!(large.map_or(true, |response| response.status() == 413));
    let (status, error) = fixture.ask_json(&json!({"model": "m"})).await;
    assert_eq!(
        (status, error["error"]["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    let zipped = fixture
        .post_message(&message_request(1, true))
        .header("content-encoding", "gzip")
        .send()
        .await;
    assert_eq!(zipped.unwrap().status(), 415);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn no_response_or_error_shows_the_credential() {
    let upstream = TestUpstream::start(|_, seen| {
        let key = seen.headers["x-api-key"].to_str().unwrap().to_owned();
        CannedResponse::error(401, &format!("invalid x-api-key: {key}")).with_header("x-echo", &key)
    })
    .await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let response = fixture
        .post_message(&message_request(10, true))
        .send()
        .await
        .unwrap();
    let headers = format!("{:?}", response.headers());
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["x-should-retry"]
        ),
        (401, &"false".parse().unwrap())
    );
    let body = response.text().await.unwrap();
    let problem = fixture.door.last_error().unwrap();
    assert!(
        matches!(problem, DoorError::Unauthorized { status: 401, .. }),
        "{problem:?}"
    );
    let shown = format!(
        "{headers} {body} {problem:?} {problem} {:?} {:?}",
        fixture.gateway, fixture.door
    );
    assert!(body.contains("invalid x-api-key"), "{body}");
    assert!(!shown.contains(REAL_KEY), "{shown}");
    assert!(!shown.contains(fixture.door.token().expose_secret()));
    assert_eq!(fixture.settled_cost().await.requests, 0);
}

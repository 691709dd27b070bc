use secrecy::ExposeSecret;
use serde_json::json;

use crate::DoorError;
use crate::tests::fixture::{GatewayFixtureSpec, REAL_KEY, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use eklavya_core::money::MicroUsd;

#[tokio::test]
async fn a_stream_passes_unchanged_and_is_booked_exactly() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1000, 500)).await;
    let house = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let before = house.door.last_activity();
    let answer = house
        .post_message(&message_request(32_000, true))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["request-id"], "req_1");
    assert!(
        !headers.contains_key("set-cookie") && !headers.contains_key("anthropic-organization-id")
    );
    let body = answer.bytes().await.unwrap();
    assert_eq!(body, CannedResponse::stream(1000, 500).pieces.concat());
    // The ledger was settled before the last event came.
    assert_eq!(house.total_cost().await.spent, MicroUsd(14_000));
    assert!(house.door.last_activity() > before && house.door.last_error().is_none());

    let seen = &upstream.requests()[0];
    assert_eq!(seen.uri, "/v1/messages?beta=true");
    assert_eq!(seen.body, message_request(32_000, true).to_string());
    assert_eq!(seen.headers["x-api-key"], REAL_KEY);
    assert_eq!(seen.headers["anthropic-version"], "2023-06-01");
    assert!(!seen.headers.contains_key("cookie"));
    assert!(!format!("{:?}", seen.headers).contains(house.door.token().expose_secret()));
}

#[tokio::test]
async fn one_object_passes_and_is_booked() {
    let body = json!({"content": [], "usage": {"input_tokens": 10, "output_tokens": 20}});
    let reply = body.clone();
    let upstream = TestUpstream::start(move |_, _| CannedResponse::json(200, &reply)).await;
    let house = GatewayFixtureSpec::upstream(&format!("{}/prefix/", upstream.url))
        .open()
        .await;
    assert_eq!(
        house.ask_json(&message_request(100, false)).await,
        (200, body)
    );
    assert_eq!(house.settled_cost().await.spent, MicroUsd(440));
    assert_eq!(upstream.requests()[0].uri, "/prefix/v1/messages?beta=true");
}

#[tokio::test]
async fn counting_tokens_costs_nothing() {
    let upstream =
        TestUpstream::start(|_, _| CannedResponse::json(200, &json!({"input_tokens": 7}))).await;
    let house = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(0)
        .open()
        .await;
    let answer = house
        .client
        .post("http://gateway/v1/messages/count_tokens")
        .bearer_auth(house.door.token().expose_secret())
        .body("{}");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"input_tokens":7}"#);
    assert_eq!(house.settled_cost().await.requests, 0);
}

#[tokio::test]
async fn only_the_offered_routes_answer_and_only_to_the_door_s_key() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let house = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let hello = house
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
        let request = house.client.post(format!("http://gateway{path}"));
        let request = request.header("x-api-key", house.door.token().expose_secret());
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
    for key in ["", "eklavya-door-", REAL_KEY] {
        let request = house
            .client
            .post("http://gateway/v1/messages")
            .header("x-api-key", key);
        let answer = request
            .body(message_request(1, true).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                &answer.headers()["x-should-retry"]
            ),
            (401, &"false".parse().unwrap())
        );
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_large_or_unusable_is_refused() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(1, 1)).await;
    let house = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let large = house
        .post_message(&json!({}))
        .body(vec![b' '; 33 * 1024 * 1024])
        .send()
        .await;
    // The answer may come before all of the body is sent.
    assert!(large.map_or(true, |answer| answer.status() == 413));
    let (status, error) = house.ask_json(&json!({"model": "m"})).await;
    assert_eq!(
        (status, error["error"]["type"].as_str()),
        (400, Some("invalid_request_error"))
    );
    let zipped = house
        .post_message(&message_request(1, true))
        .header("content-encoding", "gzip")
        .send()
        .await;
    assert_eq!(zipped.unwrap().status(), 415);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn the_credential_shows_up_nowhere() {
    let upstream = TestUpstream::start(|_, seen| {
        let key = seen.headers["x-api-key"].to_str().unwrap().to_owned();
        CannedResponse::error(401, &format!("invalid x-api-key: {key}")).with_header("x-echo", &key)
    })
    .await;
    let house = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    let answer = house
        .post_message(&message_request(10, true))
        .send()
        .await
        .unwrap();
    let headers = format!("{:?}", answer.headers());
    assert_eq!(
        (
            answer.status().as_u16(),
            &answer.headers()["x-should-retry"]
        ),
        (401, &"false".parse().unwrap())
    );
    let body = answer.text().await.unwrap();
    let problem = house.door.last_error().unwrap();
    assert!(
        matches!(problem, DoorError::Unauthorized { status: 401, .. }),
        "{problem:?}"
    );
    let shown = format!(
        "{headers} {body} {problem:?} {problem} {:?} {:?}",
        house.gateway, house.door
    );
    assert!(body.contains("invalid x-api-key"), "{body}");
    assert!(!shown.contains(REAL_KEY), "{shown}");
    assert!(!shown.contains(house.door.token().expose_secret()));
    assert_eq!(house.settled_cost().await.requests, 0);
}

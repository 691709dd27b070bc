use secrecy::ExposeSecret;
use serde_json::Value;

use crate::tests::fixture::{GatewayFixture, GatewayFixtureSpec, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use eklavya_services::audit;
use eklavya_store::audit::AuditFilter;

/// Returns what was noted of refused requests.
async fn refusal_audit_details(house: &GatewayFixture) -> Vec<Value> {
    let filter = AuditFilter {
        chain: Some(house.spec.project.0),
        agent: Some(house.spec.agent),
        action: Some("gateway.request".to_owned()),
        ..AuditFilter::default()
    };
    let lines = audit::list(house.ledger.costs.data(), &filter)
        .await
        .unwrap();
    let actor = format!("agent:{}", house.spec.agent);
    assert!(lines.iter().all(|line| line.content.actor == actor));
    lines.into_iter().map(|line| line.content.details).collect()
}

#[tokio::test]
async fn each_refused_request_is_noted_with_its_reason_and_no_other_is() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(10, 10)).await;
    let house = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(5_000)
        .open()
        .await;
    let token = house.door.token().expose_secret();
    let get = house.client.get(format!("http://gateway/v1/files/{token}"));
    assert_eq!(get.send().await.unwrap().status(), 404);
    let wrong = house.client.post("http://gateway/v1/messages");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    assert_eq!(house.ask(&Value::from("nonsense")).await.0, 400);
    assert_eq!(house.ask(&message_request(32_000, true)).await.0, 402);
    let told: Vec<(String, u64)> = refusal_audit_details(&house)
        .await
        .iter()
        .map(|line| {
            let request = line["request"].as_str().unwrap().to_owned();
            (request, line["status"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("GET /v1/files/[secret]", 404),
        ("POST /v1/messages", 401),
        ("POST /v1/messages", 400),
        ("POST /v1/messages", 402),
    ];
    assert_eq!(
        told,
        expected.map(|(request, status)| (request.to_owned(), status))
    );

    let rich = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    assert_eq!(rich.ask(&message_request(100, true)).await.0, 200);
    assert_eq!(refusal_audit_details(&rich).await, [Value::Null; 0]);
}

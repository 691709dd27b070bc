use secrecy::ExposeSecret;
use serde_json::Value;

use crate::tests::fixture::{GatewayFixture, GatewayFixtureSpec, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use eklavya_services::audit;
use eklavya_store::audit::AuditFilter;

/// Returns the audit details of refused requests.
async fn refusal_audit_details(fixture: &GatewayFixture) -> Vec<Value> {
    let filter = AuditFilter {
        chain: Some(fixture.spec.project.0),
        agent: Some(fixture.spec.agent),
        action: Some("gateway.request".to_owned()),
        ..AuditFilter::default()
    };
    let lines = audit::list(fixture.ledger.costs.data(), &filter)
        .await
        .unwrap();
    let actor = format!("agent:{}", fixture.spec.agent);
    assert!(lines.iter().all(|line| line.content.actor == actor));
    lines.into_iter().map(|line| line.content.details).collect()
}

#[tokio::test]
async fn every_refused_request_is_audited_and_no_other() {
    let upstream = TestUpstream::start(|_, _| CannedResponse::stream(10, 10)).await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(5_000)
        .open()
        .await;
    let token = fixture.door.token().expose_secret();
    let get = fixture
        .client
        .get(format!("http://gateway/v1/files/{token}"));
    assert_eq!(get.send().await.unwrap().status(), 404);
    let wrong = fixture.client.post("http://gateway/v1/messages");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    assert_eq!(fixture.ask(&Value::from("nonsense")).await.0, 400);
    assert_eq!(fixture.ask(&message_request(32_000, true)).await.0, 402);
    let recorded: Vec<(String, u64)> = refusal_audit_details(&fixture)
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
        recorded,
        expected.map(|(request, status)| (request.to_owned(), status))
    );

    let rich = GatewayFixtureSpec::upstream(&upstream.url).open().await;
    assert_eq!(rich.ask(&message_request(100, true)).await.0, 200);
    assert_eq!(refusal_audit_details(&rich).await, [Value::Null; 0]);
}

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use crate::tests::fixture::{GatewayFixtureSpec, message_request};
use crate::tests::test_upstream::{CannedResponse, TestUpstream};
use crate::{DoorError, PriceTable};
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;

const INPUT: u64 = 50;

/// An endpoint that uses every token that a request allows, and sums what it bills.
async fn start_greedy_upstream() -> (TestUpstream, Arc<AtomicI64>) {
    let billed = Arc::new(AtomicI64::new(0));
    let (sum, pricing) = (billed.clone(), PriceTable::embedded().unwrap());
    let upstream = TestUpstream::start(move |_, seen| {
        let output = seen.json()["max_tokens"].as_u64().unwrap();
        let usage = TokenUsage {
            input: INPUT,
            output,
            ..TokenUsage::default()
        };
        sum.fetch_add(pricing.cost("claude-opus-5-5", &usage).0, Ordering::SeqCst);
        CannedResponse::stream(INPUT, output)
    })
    .await;
    (upstream, billed)
}

#[tokio::test]
async fn max_tokens_is_lowered_to_the_rest_of_the_budget() {
    let (upstream, _) = start_greedy_upstream().await;
    let mut body = message_request(32_000, true);
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 31_000});
    let bound = i64::try_from(body.to_string().len() + 2_000).unwrap() * 5;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(bound + 2_000 * 20)
        .open()
        .await;
    assert_eq!(fixture.ask(&body).await.0, 200);
    let sent = upstream.requests()[0].json();
    assert_eq!(
        (
            sent["max_tokens"].as_u64(),
            sent["thinking"]["budget_tokens"].as_u64()
        ),
        (Some(2000), Some(1999))
    );
    assert_eq!(sent["messages"], body["messages"]);
}

#[tokio::test]
async fn an_empty_budget_refuses_with_402_and_a_hint_to_extend_it() {
    let (upstream, _) = start_greedy_upstream().await;
    let fixture = GatewayFixtureSpec::upstream(&upstream.url)
        .budget(5_000)
        .open()
        .await;
    let response = fixture
        .post_message(&message_request(32_000, true))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["x-should-retry"]
        ),
        (402, &"false".parse().unwrap())
    );
    let error: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    for part in [
        "project shop",
        "limit $0.005",
        "spent $0.00",
        "eklavya budget set shop --limit N",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(
        fixture.door.last_error(),
        Some(DoorError::OverBudget(_))
    ));
    assert!(upstream.requests().is_empty());
    fixture
        .ledger
        .set_limit(fixture.ledger.project_scope(), 1_000_000)
        .await;
    assert_eq!(fixture.ask(&message_request(32_000, true)).await.0, 200);
    assert_eq!(fixture.door.last_error(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_concurrent_requests_never_cost_more_than_the_limit() {
    let (upstream, billed) = start_greedy_upstream().await;
    let limit = 300_000;
    let fixture = Arc::new(
        GatewayFixtureSpec::upstream(&upstream.url)
            .budget(limit)
            .open()
            .await,
    );
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move { fixture.ask(&message_request(1_000, true)).await.0 })
        })
        .collect();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.await.unwrap());
    }
    let total = fixture.settled_cost().await;
    let billed = billed.load(Ordering::SeqCst);
    assert!(billed <= limit, "{billed}");
    assert_eq!(total.spent, MicroUsd(billed));
    assert_eq!(total.requests, upstream.requests().len() as u64);
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((served as u64, statuses.len()), (total.requests, 64));
    assert!(
        statuses.iter().all(|status| [200, 402].contains(status)),
        "{statuses:?}"
    );
    // The remainder is too small for a request: none was refused that could have been served.
    assert!(limit - billed < 20_000, "{billed}");
}

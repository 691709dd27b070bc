//! Reservations, settlements and limits: they hold under concurrency, and the report adds up.

use eklavya_core::audit::AuditActor;
use eklavya_core::event::Event;
use eklavya_core::ids::LedgerId;
use eklavya_core::ledger::{Budget, BudgetScope, TokenUsage};
use eklavya_core::money::MicroUsd;
use eklavya_services::cost_report::build_report;
use eklavya_services::costs::*;
use eklavya_store::events;
use eklavya_testkit::ledger::{ExpectGranted, LedgerFixture, quote};

pub fn output_usage(output: u64) -> TokenUsage {
    TokenUsage {
        input: 1,
        output,
        ..TokenUsage::default()
    }
}

#[tokio::test]
async fn a_request_gets_what_the_tightest_limit_leaves() {
    let fixture = LedgerFixture::open(Some(MicroUsd(100_000))).await;
    let payer = fixture.add_payer().await;
    fixture
        .set_limit(BudgetScope::Agent(payer.agent), 150)
        .await;
    let held = fixture
        .costs
        .reserve(&payer, &quote(1000))
        .await
        .unwrap()
        .expect_granted();
    assert_eq!((held.max_tokens, held.amount), (50, MicroUsd(150)));
    for scope in payer.budget_scopes() {
        let budget = fixture.costs.find_budget(scope).await.unwrap();
        assert_eq!(
            (budget.reserved, budget.spent),
            (MicroUsd(150), MicroUsd(0))
        );
    }
    fixture
        .costs
        .settle(held.id, output_usage(9), MicroUsd(45), Some("req_1"))
        .await
        .unwrap();
    let refused = fixture.costs.reserve(&payer, &quote(1000)).await.unwrap();
    let ReservationOutcome::Refused(shortage) = refused else {
        panic!("{refused:?}")
    };
    let text = shortage.to_string();
    for part in [
        "agent",
        "limit $0.00015",
        "spent $0.000045",
        "eklavya config set budget.agentUsd",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_request_waits_for_money_that_others_reserve() {
    let fixture = LedgerFixture::open(Some(MicroUsd(200))).await;
    let payer = fixture.add_payer().await;
    let first = fixture
        .costs
        .reserve(&payer, &quote(100))
        .await
        .unwrap()
        .expect_granted();
    let second = fixture.costs.reserve(&payer, &quote(100)).await.unwrap();
    assert!(matches!(second, ReservationOutcome::Held(_)), "{second:?}");
    fixture.costs.release(first.id).await.unwrap();
    assert_eq!(
        fixture
            .costs
            .reserve(&payer, &quote(100))
            .await
            .unwrap()
            .expect_granted()
            .max_tokens,
        100
    );
}

#[tokio::test]
async fn a_ledger_entry_ends_once() {
    let fixture = LedgerFixture::open(None).await;
    let payer = fixture.add_payer().await;
    let held = fixture
        .costs
        .reserve(&payer, &quote(10))
        .await
        .unwrap()
        .expect_granted();
    fixture
        .costs
        .settle(held.id, output_usage(3), MicroUsd(7), None)
        .await
        .unwrap();
    fixture
        .costs
        .settle(held.id, output_usage(3), MicroUsd(7), None)
        .await
        .unwrap();
    fixture
        .costs
        .settle_upper_bound(held.id, None)
        .await
        .unwrap();
    fixture.costs.release(held.id).await.unwrap();
    fixture.costs.release(LedgerId::random()).await.unwrap();
    let budget = fixture.costs.find_budget(BudgetScope::All).await.unwrap();
    assert_eq!(
        budget,
        Budget {
            limit: None,
            reserved: MicroUsd(0),
            spent: MicroUsd(7)
        }
    );
}

#[tokio::test]
async fn each_threshold_is_announced_once_per_crossing() {
    let fixture = LedgerFixture::open(Some(MicroUsd(1000))).await;
    let payer = fixture.add_payer().await;
    let mut announced = Vec::new();
    for amount in [400, 100, 10, 300, 100] {
        let held = fixture
            .costs
            .reserve(&payer, &quote(10))
            .await
            .unwrap()
            .expect_granted();
        let alerts = fixture
            .costs
            .settle(held.id, output_usage(1), MicroUsd(amount), None)
            .await
            .unwrap();
        announced.push(alerts.iter().map(|alert| alert.percent).collect::<Vec<_>>());
    }
    assert_eq!(announced, [vec![], vec![50], vec![], vec![80], vec![]]);
    // 910 of 1000 are spent, and the rest is too little for any request.
    let refused = fixture.costs.reserve(&payer, &quote(10)).await.unwrap();
    assert!(matches!(refused, ReservationOutcome::Refused(_)));
    fixture.costs.reserve(&payer, &quote(10)).await.unwrap();
    let scope = fixture.project_scope();
    let set = |limit| {
        fixture
            .costs
            .set_limit(&AuditActor::System, scope, Some(MicroUsd(limit)))
    };
    assert_eq!(set(2000).await.unwrap(), []);
    let held = fixture
        .costs
        .reserve(&payer, &quote(1000))
        .await
        .unwrap()
        .expect_granted();
    let alerts = fixture
        .costs
        .settle(held.id, output_usage(1), MicroUsd(90), None)
        .await
        .unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(set(1000).await.unwrap().last().unwrap().percent, 100);

    let mut tx = fixture.costs.data().begin_read().await.unwrap();
    let stored = events::read_after(&mut tx, Some(fixture.project.id), 0, 100)
        .await
        .unwrap();
    let names: Vec<&str> = stored
        .iter()
        .map(|stored| stored.event.name())
        .filter(|name| name.starts_with("budget"))
        .collect();
    let (warning, exceeded) = ("budget:warning", "budget:exceeded");
    assert_eq!(
        names,
        [warning, warning, exceeded, warning, warning, exceeded]
    );
    let is_first = |event: &Event| {
        matches!(
            event,
            Event::BudgetWarning {
                percent: 50,
                spent: MicroUsd(500),
                ..
            }
        )
    };
    assert!(stored.iter().any(|stored| is_first(&stored.event)));
}

#[tokio::test]
async fn open_reservations_of_a_dead_worker_count_in_full() {
    let fixture = LedgerFixture::open(Some(MicroUsd(1000))).await;
    let mut payer = fixture.add_payer().await;
    fixture
        .costs
        .reserve(&payer, &quote(50))
        .await
        .unwrap()
        .expect_granted();
    payer.fence = 2;
    let others = fixture
        .costs
        .reserve(&payer, &quote(20))
        .await
        .unwrap()
        .expect_granted();
    assert_eq!(
        fixture
            .costs
            .settle_abandoned(fixture.project.id, 2)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        fixture
            .costs
            .settle_abandoned(fixture.project.id, 2)
            .await
            .unwrap(),
        0
    );
    let budget = fixture
        .costs
        .find_budget(fixture.project_scope())
        .await
        .unwrap();
    assert_eq!(
        (budget.spent, budget.reserved),
        (MicroUsd(150), others.amount)
    );
}

#[tokio::test]
async fn the_report_sums_the_settled_entries() {
    let fixture = LedgerFixture::open(None).await;
    let payer = fixture.add_payer().await;
    for (day, amount) in [(22, 5), (23, 7)] {
        fixture
            .clock
            .set(format!("2026-11-{day}T23:59:59Z").parse().unwrap());
        let held = fixture
            .costs
            .reserve(&payer, &quote(10))
            .await
            .unwrap()
            .expect_granted();
        fixture
            .costs
            .settle(
                held.id,
                output_usage(amount),
                MicroUsd(amount.cast_signed()),
                None,
            )
            .await
            .unwrap();
    }
    let cut = fixture
        .costs
        .reserve(&payer, &quote(10))
        .await
        .unwrap()
        .expect_granted();
    fixture
        .costs
        .settle_upper_bound(cut.id, None)
        .await
        .unwrap();
    fixture
        .costs
        .reserve(&payer, &quote(10))
        .await
        .unwrap()
        .expect_granted();
    let report = build_report(fixture.costs.data(), fixture.project.id)
        .await
        .unwrap();
    assert_eq!(
        (report.total.requests, report.total.spent),
        (3, MicroUsd(122))
    );
    assert_eq!(
        (report.total.upper_bounds, report.total.usage.output),
        (1, 12)
    );
    assert_eq!(
        (
            report.by_task[0].name.as_str(),
            report.by_role[0].name.as_str()
        ),
        ("T1", "developer")
    );
    assert_eq!(report.by_agent[0].name, payer.agent.to_string());
    let days: Vec<(&str, i64)> = report
        .by_day
        .iter()
        .map(|line| (line.name.as_str(), line.spent.0))
        .collect();
    assert_eq!(days, [("2026-11-22", 5), ("2026-11-23", 117)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_concurrent_requests_never_reserve_more_than_the_limit() {
    let fixture = LedgerFixture::open(Some(MicroUsd(1_000))).await;
    let payer = fixture.add_payer().await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (costs, payer) = (fixture.costs.clone(), payer.clone());
            tokio::spawn(async move { costs.reserve(&payer, &quote(10)).await.unwrap() })
        })
        .collect();
    let mut granted = MicroUsd::ZERO;
    for task in tasks {
        if let ReservationOutcome::Granted(reservation) = task.await.unwrap() {
            granted += reservation.amount;
        }
    }
    assert_eq!(granted, MicroUsd(990));
    assert_eq!(
        fixture
            .costs
            .find_budget(fixture.project_scope())
            .await
            .unwrap()
            .reserved,
        granted
    );
}

//! Limits and the ledger.

use eklavya_core::ids::{LedgerId, ProjectId};
use eklavya_core::ledger::{Budget, BudgetScope as Scope, PriceQuote, Reservation, TokenUsage};
use eklavya_core::money::MicroUsd;
use eklavya_store::ledger::{LedgerOutcome, OpenLedgerEntry};
use eklavya_store::ledger_report::{self, LedgerGrouping};
use eklavya_store::{SqlTransaction, Store, budgets, ledger, tasks};

use super::on_each;
use crate::fixtures::project_records::{self, ProjectRecords, timestamp_at};

#[tokio::test]
async fn budgets_and_the_ledger_work_on_each_database() {
    on_each![
        limits_hold,
        thresholds_are_announced_once,
        entries_end_once,
        entries_are_summed,
    ];
}

async fn limits_hold(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let scope = Scope::Project(ProjectId::random());
    assert_eq!(
        budgets::find(&mut tx, scope).await.unwrap(),
        Budget::default()
    );
    let none = None;
    let held = budgets::reserve(&mut tx, scope, MicroUsd(1), none).await;
    assert!(!held.unwrap(), "nothing can be reserved without a row");
    budgets::ensure_row(&mut tx, scope).await.unwrap();
    budgets::ensure_row(&mut tx, scope).await.unwrap();
    // Without a limit, then with the default one, then with its own.
    let mut reserve = async |amount, default: Option<i64>| {
        let default = default.map(MicroUsd);
        let held = budgets::reserve(&mut tx, scope, MicroUsd(amount), default).await;
        held.unwrap()
    };
    assert!(reserve(1_000_000_000_000, None).await);
    assert!(reserve(1, Some(1_000_000_000_001)).await);
    assert!(!reserve(1, Some(1_000_000_000_001)).await);
    let limit = Some(MicroUsd(1_000_000_000_003));
    budgets::set_limit(&mut tx, scope, limit).await.unwrap();
    let mut reserve = async |amount| {
        let default = Some(MicroUsd(0));
        let held = budgets::reserve(&mut tx, scope, MicroUsd(amount), default).await;
        held.unwrap()
    };
    assert!(reserve(1).await);
    assert!(!reserve(2).await);
    assert!(reserve(1).await);
    let (reserved, spent) = (MicroUsd(1_000_000_000_000), MicroUsd(7));
    budgets::settle(&mut tx, scope, reserved, spent)
        .await
        .unwrap();
    let expected = Budget {
        limit,
        reserved: MicroUsd(3),
        spent,
    };
    assert_eq!(budgets::find(&mut tx, scope).await.unwrap(), expected);
    budgets::set_limit(&mut tx, scope, None).await.unwrap();
    let found = budgets::find(&mut tx, scope).await.unwrap();
    assert_eq!((found.limit, found.spent), (None, spent));
}

async fn thresholds_are_announced_once(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = ProjectId::random();
    assert_eq!(budgets::warned_percent(&mut tx, project).await.unwrap(), 0);
    budgets::ensure_row(&mut tx, Scope::Project(project))
        .await
        .unwrap();
    assert!(
        budgets::swap_warned_percent(&mut tx, project, 0, 50)
            .await
            .unwrap()
    );
    assert!(
        !budgets::swap_warned_percent(&mut tx, project, 0, 80)
            .await
            .unwrap()
    );
    assert_eq!(budgets::warned_percent(&mut tx, project).await.unwrap(), 50);
}

async fn entries_end_once(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let entry = reserve_amount(&mut tx, &fixture, i64::MAX, 1).await;
    let later = reserve_amount(&mut tx, &fixture, 5, 2).await;
    let found = ledger::find_open(&mut tx, entry.id).await.unwrap();
    assert_eq!(found, Some(entry));
    assert_eq!(
        ledger::find_open(&mut tx, LedgerId::random())
            .await
            .unwrap(),
        None
    );
    let project = fixture.project.id;
    let mut before = async |fence| {
        ledger::list_open_before(&mut tx, project, fence)
            .await
            .unwrap()
    };
    assert_eq!(before(2).await, [entry, later]);
    assert_eq!(before(1).await, []);
    let ended = ledger::finish(
        &mut tx,
        &entry,
        &LedgerOutcome::UpperBound,
        None,
        timestamp_at(3),
    )
    .await;
    assert!(ended.unwrap());
    for outcome in [LedgerOutcome::Released, LedgerOutcome::UpperBound] {
        let ended = ledger::finish(&mut tx, &entry, &outcome, Some("r"), timestamp_at(3)).await;
        assert!(!ended.unwrap(), "an entry ended twice");
    }
    assert_eq!(ledger::find_open(&mut tx, entry.id).await.unwrap(), None);
    let open = ledger::list_open_before(&mut tx, project, 2).await.unwrap();
    assert_eq!(open, [later]);
}

async fn entries_are_summed(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let fixture = ProjectRecords::insert(&mut tx, 1).await;
    let project = fixture.project.id;
    for grouping in [
        LedgerGrouping::Total,
        LedgerGrouping::Day,
        LedgerGrouping::Agent,
    ] {
        let nothing = ledger_report::sum_settled(&mut tx, project, grouping).await;
        assert_eq!(nothing.unwrap(), []);
    }
    let other = ProjectRecords {
        task: project_records::task(&fixture.project, "a"),
        project: fixture.project.clone(),
        agent: fixture.agent.clone(),
    };
    tasks::insert(&mut tx, &other.task).await.unwrap();
    let usage = TokenUsage {
        input: u64::MAX,
        output: 2,
        ..TokenUsage::default()
    };
    for (payer, amount, day) in [(&fixture, 30, 0), (&other, 70, 0), (&fixture, 0, 1)] {
        let entry = reserve_amount(&mut tx, payer, 100, 0).await;
        let used = if day == 0 {
            TokenUsage { input: 1, ..usage }
        } else {
            usage
        };
        let outcome = LedgerOutcome::Exact {
            usage: used,
            amount: MicroUsd(amount),
        };
        let now = timestamp_at(day * 86_400);
        ledger::finish(&mut tx, &entry, &outcome, Some("r"), now)
            .await
            .unwrap();
    }
    let bound = reserve_amount(&mut tx, &fixture, 900, 0).await;
    ledger::finish(
        &mut tx,
        &bound,
        &LedgerOutcome::UpperBound,
        None,
        timestamp_at(0),
    )
    .await
    .unwrap();
    let released = reserve_amount(&mut tx, &fixture, 900, 0).await;
    ledger::finish(
        &mut tx,
        &released,
        &LedgerOutcome::Released,
        None,
        timestamp_at(0),
    )
    .await
    .unwrap();
    reserve_amount(&mut tx, &fixture, 900, 0).await;
    let mut sums = async |grouping| {
        let sums = ledger_report::sum_settled(&mut tx, project, grouping).await;
        let sums = sums.unwrap().into_iter();
        sums.map(|sum| (sum.key, sum.requests, sum.spent.0, sum.upper_bounds))
            .collect::<Vec<_>>()
    };
    let key = str::to_owned;
    assert_eq!(
        sums(LedgerGrouping::Total).await,
        [(key("total"), 4, 1000, 1)]
    );
    // The order is by bytes: T before a.
    let tasks = [(key("T1"), 3, 930, 1), (key("a"), 1, 70, 0)];
    assert_eq!(sums(LedgerGrouping::Task).await, tasks);
    let days = [(key("19675"), 3, 1000, 1), (key("19676"), 1, 0, 0)];
    assert_eq!(sums(LedgerGrouping::Day).await, days);
    let agent = fixture.agent.id.to_string();
    assert_eq!(sums(LedgerGrouping::Agent).await, [(agent, 4, 1000, 1)]);
    assert_eq!(sums(LedgerGrouping::Role).await.len(), 1);
    assert_eq!(sums(LedgerGrouping::Model).await, [(key("m"), 4, 1000, 1)]);
}

async fn reserve_amount(
    tx: &mut SqlTransaction,
    fixture: &ProjectRecords,
    amount: i64,
    second: i64,
) -> OpenLedgerEntry {
    let payer = fixture.payer();
    let quote = PriceQuote {
        model: "m".to_owned(),
        unknown_model: true,
        fixed_pico: 0,
        output_pico: 0,
        max_tokens: 1,
        min_tokens: 1,
    };
    let reservation = Reservation {
        id: LedgerId::random(),
        max_tokens: 1,
        amount: MicroUsd(amount),
    };
    ledger::insert(tx, &payer, &quote, &reservation, timestamp_at(second))
        .await
        .unwrap();
    OpenLedgerEntry {
        id: reservation.id,
        project: payer.project,
        task: payer.task,
        agent: payer.agent,
        reserved: reservation.amount,
    }
}

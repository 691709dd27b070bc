//! No sequence of actions exceeds a limit, and the ledger adds up after each action.

use eklavya_core::ledger::{BudgetScope, Reservation};
use eklavya_core::money::MicroUsd;
use eklavya_services::cost_report::build_report;
use eklavya_services::costs::ReservationOutcome;
use eklavya_testkit::ledger::{LedgerFixture, quote};
use proptest::prelude::*;

use super::costs::output_usage;

/// A change of the ledger.
#[derive(Debug, Clone)]
enum LedgerAction {
    Reserve(u64),
    Settle(usize, i64),
    UpperBound(usize),
    Release(usize),
    Raise(i64),
}

fn any_action() -> impl Strategy<Value = LedgerAction> {
    prop_oneof![
        4 => (1_u64..2_000).prop_map(LedgerAction::Reserve),
        2 => (any::<usize>(), 0_i64..=100).prop_map(|(which, percent)| LedgerAction::Settle(which, percent)),
        1 => any::<usize>().prop_map(LedgerAction::UpperBound),
        1 => any::<usize>().prop_map(LedgerAction::Release),
        1 => (0_i64..3_000).prop_map(LedgerAction::Raise),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn no_limit_is_exceeded_and_all_sums_agree(
        limit in 0_i64..6_000, task_limit in 0_i64..6_000, acts in proptest::collection::vec(any_action(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run_actions(limit, task_limit, acts));
    }
}

async fn run_actions(mut limit: i64, task_limit: i64, acts: Vec<LedgerAction>) {
    let fixture = LedgerFixture::open(Some(MicroUsd(limit))).await;
    let payer = fixture.add_payer().await;
    let costs = &fixture.costs;
    fixture
        .set_limit(BudgetScope::Task(payer.task), task_limit)
        .await;
    let (mut open, mut spent) = (Vec::<Reservation>::new(), 0);
    for act in acts {
        let taken = |which: usize, open: &mut Vec<Reservation>| {
            (!open.is_empty()).then(|| open.swap_remove(which % open.len()))
        };
        match act {
            LedgerAction::Reserve(tokens) => {
                if let ReservationOutcome::Granted(held) =
                    costs.reserve(&payer, &quote(tokens)).await.unwrap()
                {
                    assert!(
                        held.max_tokens <= tokens
                            && held.amount == quote(tokens).cost_at(held.max_tokens)
                    );
                    open.push(held);
                }
            }
            LedgerAction::Settle(which, percent) => {
                if let Some(held) = taken(which, &mut open) {
                    let amount = held.amount.0 * percent / 100;
                    costs
                        .settle(held.id, output_usage(1), MicroUsd(amount), None)
                        .await
                        .unwrap();
                    spent += amount;
                }
            }
            LedgerAction::UpperBound(which) => {
                if let Some(held) = taken(which, &mut open) {
                    costs.settle_upper_bound(held.id, None).await.unwrap();
                    spent += held.amount.0;
                }
            }
            LedgerAction::Release(which) => {
                if let Some(held) = taken(which, &mut open) {
                    costs.release(held.id).await.unwrap();
                }
            }
            LedgerAction::Raise(by) => {
                limit += by;
                fixture.set_limit(fixture.project_scope(), limit).await;
            }
        }
        let reserved: i64 = open.iter().map(|held| held.amount.0).sum();
        assert!(spent + reserved <= limit.min(task_limit));
        for scope in payer.budget_scopes() {
            let budget = costs.find_budget(scope).await.unwrap();
            assert_eq!(
                (budget.spent.0, budget.reserved.0),
                (spent, reserved),
                "{scope:?}"
            );
        }
    }
    let total = build_report(costs.data(), fixture.project.id)
        .await
        .unwrap()
        .total;
    assert_eq!(total.spent.0, spent);
}

//! The ledger under random actions: limits hold, and every reservation ends once.

use std::collections::BTreeMap;
use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::FixedClock;
use eklavya_core::ids::LedgerId;
use eklavya_core::ledger::{Budget, BudgetScope as Scope, PriceQuote, RequestPayer, TokenUsage};
use eklavya_core::money::MicroUsd;
use eklavya_services::DataStore;
use eklavya_services::costs::{CostTracker, DefaultLimits, ReservationOutcome};
use eklavya_store::ledger_report::{self, LedgerGrouping};
use eklavya_store::{Store, agents, ledger, tasks};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::fixtures::databases::TestDatabase;
use crate::fixtures::project_records::{self, ProjectRecords, timestamp_at};

/// Two tasks of one project, the second with two agents of two leases, and another project.
const PAYERS: usize = 4;
/// The number of random histories, each run on every database.
const HISTORIES: usize = 4;
const LENGTH: usize = 24;

#[derive(Debug, Clone)]
enum LedgerStep {
    Reserve {
        payer: usize,
        tokens: u64,
    },
    Settle {
        open: usize,
        amount: i64,
    },
    UpperBound {
        open: usize,
    },
    Release {
        open: usize,
    },
    Orphans {
        payer: usize,
    },
    Limit {
        payer: usize,
        scope: usize,
        limit: Option<i64>,
    },
}

fn any_action() -> impl Strategy<Value = LedgerStep> {
    let payer = 0..PAYERS;
    let limit = prop_oneof![1 => Just(None), 4 => (0..3_000i64).prop_map(Some)];
    prop_oneof![
        6 => (payer.clone(), 0..900u64).prop_map(|(payer, tokens)| LedgerStep::Reserve { payer, tokens }),
        3 => (any::<usize>(), 0..1_500i64).prop_map(|(open, amount)| LedgerStep::Settle { open, amount }),
        1 => any::<usize>().prop_map(|open| LedgerStep::UpperBound { open }),
        1 => any::<usize>().prop_map(|open| LedgerStep::Release { open }),
        1 => payer.clone().prop_map(|payer| LedgerStep::Orphans { payer }),
        2 => (payer, 0..4usize, limit)
            .prop_map(|(payer, scope, limit)| LedgerStep::Limit { payer, scope, limit }),
    ]
}

#[tokio::test]
async fn limits_hold_and_reservations_end_once() {
    let runner = TestRunner::deterministic();
    let histories = prop::collection::vec(any_action(), LENGTH);
    let mut results = Vec::new();
    for database in TestDatabase::each().await {
        let mut of_database = Vec::new();
        let mut runner = runner.clone();
        for number in 0..HISTORIES {
            let history = histories.new_tree(&mut runner).unwrap().current();
            let mut model = LedgerModel::open(&database.store, number).await;
            for (step, action) in history.iter().enumerate() {
                eprintln!("{} {number}: {action:?}", database.name);
                model.apply_action(action).await;
                model.assert_budgets_match(step % PAYERS).await;
            }
            model.close_all().await;
            of_database.push(model.spent_by_payer());
        }
        results.push(of_database);
    }
    // Both databases make the same decisions.
    assert_eq!(results[0], results[1]);
}

/// The reserved and spent amounts of a scope, counted without the database.
#[derive(Default)]
struct CountedBudget {
    reserved: i64,
    spent: i64,
}

struct LedgerModel {
    costs: CostTracker,
    payers: Vec<RequestPayer>,
    open: Vec<(LedgerId, usize, i64)>,
    settled: i64,
    counted: BTreeMap<uuid::Uuid, CountedBudget>,
}

impl LedgerModel {
    async fn open(store: &Store, number: usize) -> Self {
        let number = u32::try_from(number).unwrap();
        let mut tx = store.begin_write().await.unwrap();
        let first = ProjectRecords::insert(&mut tx, number * 2 + 1).await;
        let other = ProjectRecords::insert(&mut tx, number * 2 + 2).await;
        let task = project_records::task(&first.project, "T2");
        tasks::insert(&mut tx, &task).await.unwrap();
        let mut payers = vec![first.payer(), other.payer()];
        for fence in [1, 2] {
            let agent = project_records::agent(&task);
            agents::insert(&mut tx, &agent).await.unwrap();
            payers.push(RequestPayer {
                task: task.id,
                agent: agent.id,
                fence,
                ..first.payer()
            });
        }
        tx.commit().await.unwrap();
        let data = DataStore::new(store.clone(), Arc::new(FixedClock::new(timestamp_at(10))));
        Self {
            costs: CostTracker::new(
                data,
                DefaultLimits {
                    agent: Some(MicroUsd(2_500)),
                    ..DefaultLimits::default()
                },
            ),
            payers,
            open: Vec::new(),
            settled: 0,
            counted: BTreeMap::new(),
        }
    }

    async fn apply_action(&mut self, action: &LedgerStep) {
        let costs = self.costs.clone();
        match *action {
            LedgerStep::Reserve { payer, tokens } => self.reserve(payer, tokens).await,
            LedgerStep::Settle { open, amount } => {
                let Some(id) = self.take_open(open, Some(amount)) else {
                    return;
                };
                let usage = TokenUsage {
                    output: 1,
                    ..TokenUsage::default()
                };
                costs
                    .settle(id, usage, MicroUsd(amount), Some("r"))
                    .await
                    .unwrap();
                // A worker that does not know whether it settled settles again.
                costs
                    .settle(id, usage, MicroUsd(amount), Some("r"))
                    .await
                    .unwrap();
            }
            LedgerStep::UpperBound { open } => {
                let Some(id) = self.take_open(open, None) else {
                    return;
                };
                costs.settle_upper_bound(id, None).await.unwrap();
                costs.release(id).await.unwrap();
            }
            LedgerStep::Release { open } => {
                let Some(id) = self.take_open(open, Some(0)) else {
                    return;
                };
                costs.release(id).await.unwrap();
                costs.settle_upper_bound(id, None).await.unwrap();
            }
            LedgerStep::Orphans { payer } => self.release_orphans(payer).await,
            LedgerStep::Limit {
                payer,
                scope,
                limit,
            } => {
                let scope = self.payers[payer].budget_scopes()[scope];
                // All histories share `Scope::All`.
                if scope != Scope::All {
                    let limit = limit.map(MicroUsd);
                    costs
                        .set_limit(&AuditActor::System, scope, limit)
                        .await
                        .unwrap();
                }
            }
        }
    }

    async fn reserve(&mut self, payer: usize, tokens: u64) {
        let quote = PriceQuote {
            model: "m".to_owned(),
            unknown_model: false,
            fixed_pico: 100_000_000,
            output_pico: 1_000_000,
            max_tokens: tokens,
            min_tokens: 10,
        };
        let before = self.budgets(payer).await;
        let decided = self
            .costs
            .reserve(&self.payers[payer], &quote)
            .await
            .unwrap();
        let ReservationOutcome::Granted(held) = decided else {
            return;
        };
        assert!(held.max_tokens <= tokens && held.amount == quote.cost_at(held.max_tokens));
        for (scope, budget) in before {
            let after = budget.spent.0 + budget.reserved.0 + held.amount.0;
            let allowed = budget.limit.is_none_or(|limit| after <= limit.0);
            assert!(allowed, "{scope:?}: {budget:?} and {held:?}");
        }
        self.open.push((held.id, payer, held.amount.0));
        for scope in self.payers[payer].budget_scopes() {
            self.counted.entry(scope.id()).or_default().reserved += held.amount.0;
        }
    }

    /// Takes an open reservation, if any, and counts it as settled at `amount`, or at the reserved
    /// amount.
    fn take_open(&mut self, open: usize, amount: Option<i64>) -> Option<LedgerId> {
        let index = open.checked_rem(self.open.len())?;
        let (id, payer, held) = self.open.remove(index);
        let spent = amount.unwrap_or(held);
        for scope in self.payers[payer].budget_scopes() {
            let counted = self.counted.entry(scope.id()).or_default();
            counted.reserved -= held;
            counted.spent += spent;
        }
        self.settled += spent;
        Some(id)
    }

    /// Settles the open reservations of the payer's lease and of earlier leases of its project.
    async fn release_orphans(&mut self, payer: usize) {
        let (project, fence) = (self.payers[payer].project, self.payers[payer].fence + 1);
        let theirs = |model: &Self| {
            let of = |payer: &RequestPayer| payer.project == project && payer.fence < fence;
            let mut open = model.open.iter();
            open.position(|(_, payer, _)| of(&model.payers[*payer]))
        };
        let mut ended = 0;
        while let Some(index) = theirs(self) {
            self.take_open(index, None);
            ended += 1;
        }
        let settled = self.costs.settle_abandoned(project, fence).await.unwrap();
        assert_eq!(settled, ended);
    }

    async fn budgets(&self, payer: usize) -> Vec<(Scope, Budget)> {
        let mut found = Vec::new();
        for scope in self.payers[payer].budget_scopes() {
            found.push((scope, self.costs.find_budget(scope).await.unwrap()));
        }
        found
    }

    /// Asserts that the payer's budgets in the database equal the counted ones.
    async fn assert_budgets_match(&self, payer: usize) {
        for (scope, budget) in self.budgets(payer).await {
            assert!(budget.reserved.0 >= 0 && budget.spent.0 >= 0, "{budget:?}");
            // All histories share `Scope::All`.
            if scope != Scope::All {
                let nothing = CountedBudget::default();
                let counted = self.counted.get(&scope.id()).unwrap_or(&nothing);
                let found = (budget.reserved.0, budget.spent.0);
                assert_eq!(found, (counted.reserved, counted.spent), "{scope:?}");
            }
        }
    }

    /// Settles all open reservations and compares the ledger with the counted amounts.
    async fn close_all(&mut self) {
        for payer in 0..self.payers.len() {
            self.release_orphans(payer).await;
        }
        for payer in 0..self.payers.len() {
            self.assert_budgets_match(payer).await;
        }
        let mut tx = self.costs.data().begin_read().await.unwrap();
        let mut sum = 0;
        for project in [self.payers[0].project, self.payers[1].project] {
            let total = ledger_report::sum_settled(&mut tx, project, LedgerGrouping::Total)
                .await
                .unwrap();
            sum += total.first().map_or(0, |total| total.spent.0);
        }
        assert_eq!(sum, self.settled);
        for payer in &self.payers {
            let open = ledger::list_open_before(&mut tx, payer.project, i64::MAX).await;
            assert_eq!(open.unwrap(), []);
        }
    }

    /// Returns the amount that each payer's agent spent, which must not depend on the database.
    fn spent_by_payer(&self) -> Vec<i64> {
        let of = |payer: &RequestPayer| {
            self.counted
                .get(&payer.agent.0)
                .map_or(0, |counted| counted.spent)
        };
        self.payers.iter().map(of).collect()
    }
}

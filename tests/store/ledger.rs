//! The ledger under random work: whatever happens in whatever order, limits hold, and every
//! reservation ends once.

use std::collections::BTreeMap;
use std::sync::Arc;

use eklavya_core::clock::FixedClock;
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::LedgerId;
use eklavya_core::domain::ledger::{Budget, BudgetScope as Scope, Payer, Quote, TokenUsage};
use eklavya_core::domain::money::MicroUsd;
use eklavya_services::Desk;
use eklavya_services::costs::{Costs, Decision, DefaultLimits};
use eklavya_store::ledger_report::{self, Grouping};
use eklavya_store::{Store, agents, ledger, tasks};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::databases::Database;
use crate::house::{self, House, at};

/// Two tasks of one project, the second with two agents of two tenures, and another project.
const PAYERS: usize = 4;
/// Each is a history of its own on each database.
const HISTORIES: usize = 4;
const LENGTH: usize = 24;

#[derive(Debug, Clone)]
enum Action {
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

fn action() -> impl Strategy<Value = Action> {
    let payer = 0..PAYERS;
    let limit = prop_oneof![1 => Just(None), 4 => (0..3_000i64).prop_map(Some)];
    prop_oneof![
        6 => (payer.clone(), 0..900u64).prop_map(|(payer, tokens)| Action::Reserve { payer, tokens }),
        3 => (any::<usize>(), 0..1_500i64).prop_map(|(open, amount)| Action::Settle { open, amount }),
        1 => any::<usize>().prop_map(|open| Action::UpperBound { open }),
        1 => any::<usize>().prop_map(|open| Action::Release { open }),
        1 => payer.clone().prop_map(|payer| Action::Orphans { payer }),
        2 => (payer, 0..4usize, limit)
            .prop_map(|(payer, scope, limit)| Action::Limit { payer, scope, limit }),
    ]
}

#[tokio::test]
async fn limits_hold_and_reservations_end_once() {
    let runner = TestRunner::deterministic();
    let histories = prop::collection::vec(action(), LENGTH);
    let mut told = Vec::new();
    for database in Database::each().await {
        let mut of_database = Vec::new();
        let mut runner = runner.clone();
        for number in 0..HISTORIES {
            let history = histories.new_tree(&mut runner).unwrap().current();
            let mut books = Books::open(&database.store, number).await;
            for (step, action) in history.iter().enumerate() {
                eprintln!("{} {number}: {action:?}", database.name);
                books.perform(action).await;
                books.check(step % PAYERS).await;
            }
            books.close().await;
            of_database.push(books.sums());
        }
        told.push(of_database);
    }
    // Both databases decide alike.
    assert_eq!(told[0], told[1]);
}

/// What stands against each scope, counted apart from the database.
#[derive(Default)]
struct Counted {
    reserved: i64,
    spent: i64,
}

struct Books {
    costs: Costs,
    payers: Vec<Payer>,
    open: Vec<(LedgerId, usize, i64)>,
    settled: i64,
    counted: BTreeMap<uuid::Uuid, Counted>,
}

impl Books {
    async fn open(store: &Store, number: usize) -> Self {
        let number = u32::try_from(number).unwrap();
        let mut tx = store.write().await.unwrap();
        let first = House::build(&mut tx, number * 2 + 1).await;
        let other = House::build(&mut tx, number * 2 + 2).await;
        let task = house::task(&first.project, "T2");
        tasks::insert(&mut tx, &task).await.unwrap();
        let mut payers = vec![first.payer(), other.payer()];
        for fence in [1, 2] {
            let agent = house::agent(&task);
            agents::insert(&mut tx, &agent).await.unwrap();
            payers.push(Payer {
                task: task.id,
                agent: agent.id,
                fence,
                ..first.payer()
            });
        }
        tx.commit().await.unwrap();
        let desk = Desk::new(store.clone(), Arc::new(FixedClock::new(at(10))));
        Self {
            costs: Costs::new(
                desk,
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

    async fn perform(&mut self, action: &Action) {
        let costs = self.costs.clone();
        match *action {
            Action::Reserve { payer, tokens } => self.reserve(payer, tokens).await,
            Action::Settle { open, amount } => {
                let Some(id) = self.end(open, Some(amount)) else {
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
                // Once more, as a worker does that does not know whether it did.
                costs
                    .settle(id, usage, MicroUsd(amount), Some("r"))
                    .await
                    .unwrap();
            }
            Action::UpperBound { open } => {
                let Some(id) = self.end(open, None) else {
                    return;
                };
                costs.settle_upper_bound(id, None).await.unwrap();
                costs.release(id).await.unwrap();
            }
            Action::Release { open } => {
                let Some(id) = self.end(open, Some(0)) else {
                    return;
                };
                costs.release(id).await.unwrap();
                costs.settle_upper_bound(id, None).await.unwrap();
            }
            Action::Orphans { payer } => self.orphans(payer).await,
            Action::Limit {
                payer,
                scope,
                limit,
            } => {
                let scope = self.payers[payer].scopes()[scope];
                // The one over everything is shared by all histories.
                if scope != Scope::All {
                    let limit = limit.map(MicroUsd);
                    costs.set_limit(&Actor::System, scope, limit).await.unwrap();
                }
            }
        }
    }

    async fn reserve(&mut self, payer: usize, tokens: u64) {
        let quote = Quote {
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
        let Decision::Granted(held) = decided else {
            return;
        };
        assert!(held.max_tokens <= tokens && held.amount == quote.at(held.max_tokens));
        for (scope, budget) in before {
            let after = budget.spent.0 + budget.reserved.0 + held.amount.0;
            let allowed = budget.limit.is_none_or(|limit| after <= limit.0);
            assert!(allowed, "{scope:?}: {budget:?} and {held:?}");
        }
        self.open.push((held.id, payer, held.amount.0));
        for scope in self.payers[payer].scopes() {
            self.counted.entry(scope.id()).or_default().reserved += held.amount.0;
        }
    }

    /// Takes one of those that are open, and counts what it was settled at; nothing where there is
    /// none. Without an amount it is all that was held.
    fn end(&mut self, open: usize, amount: Option<i64>) -> Option<LedgerId> {
        let place = open.checked_rem(self.open.len())?;
        let (id, payer, held) = self.open.remove(place);
        let spent = amount.unwrap_or(held);
        for scope in self.payers[payer].scopes() {
            let counted = self.counted.entry(scope.id()).or_default();
            counted.reserved -= held;
            counted.spent += spent;
        }
        self.settled += spent;
        Some(id)
    }

    /// Ends what the tenure of a payer, and those before it, left open in its project.
    async fn orphans(&mut self, payer: usize) {
        let (project, fence) = (self.payers[payer].project, self.payers[payer].fence + 1);
        let theirs = |books: &Self| {
            let of = |payer: &Payer| payer.project == project && payer.fence < fence;
            let mut open = books.open.iter();
            open.position(|(_, payer, _)| of(&books.payers[*payer]))
        };
        let mut ended = 0;
        while let Some(place) = theirs(self) {
            self.end(place, None);
            ended += 1;
        }
        let settled = self.costs.settle_orphans(project, fence).await.unwrap();
        assert_eq!(settled, ended);
    }

    async fn budgets(&self, payer: usize) -> Vec<(Scope, Budget)> {
        let mut found = Vec::new();
        for scope in self.payers[payer].scopes() {
            found.push((scope, self.costs.show(scope).await.unwrap()));
        }
        found
    }

    /// What the database says of a payer's limits is what was counted.
    async fn check(&self, payer: usize) {
        for (scope, budget) in self.budgets(payer).await {
            assert!(budget.reserved.0 >= 0 && budget.spent.0 >= 0, "{budget:?}");
            // The one over everything is shared by all histories.
            if scope != Scope::All {
                let nothing = Counted::default();
                let counted = self.counted.get(&scope.id()).unwrap_or(&nothing);
                let found = (budget.reserved.0, budget.spent.0);
                assert_eq!(found, (counted.reserved, counted.spent), "{scope:?}");
            }
        }
    }

    /// Ends what is open, and compares the ledger with the limits.
    async fn close(&mut self) {
        for payer in 0..self.payers.len() {
            self.orphans(payer).await;
        }
        for payer in 0..self.payers.len() {
            self.check(payer).await;
        }
        let mut tx = self.costs.desk().read().await.unwrap();
        let mut sum = 0;
        for project in [self.payers[0].project, self.payers[1].project] {
            let total = ledger_report::sums(&mut tx, project, Grouping::Total)
                .await
                .unwrap();
            sum += total.first().map_or(0, |total| total.spent.0);
        }
        assert_eq!(sum, self.settled);
        for payer in &self.payers {
            let open = ledger::open_before(&mut tx, payer.project, i64::MAX).await;
            assert_eq!(open.unwrap(), []);
        }
    }

    /// Returns what was spent by each payer's agent, which is the same wherever it is written down.
    fn sums(&self) -> Vec<i64> {
        let of = |payer: &Payer| {
            self.counted
                .get(&payer.agent.0)
                .map_or(0, |counted| counted.spent)
        };
        self.payers.iter().map(of).collect()
    }
}

//! The hard limits: money is held before a request is sent and settled after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::patience::Insistence;
use super::{Change, Desk, ServiceError, notices};
use eklavya_core::domain::audit::Actor;
use eklavya_core::domain::ids::{LedgerId, ProjectId};
use eklavya_core::domain::ledger::{
    Budget, BudgetAlert, BudgetScope, Payer, Quote, Reservation, Shortage, THRESHOLDS, TokenUsage,
    scopes,
};
use eklavya_core::domain::money::MicroUsd;
use eklavya_store::ledger::{OpenEntry, Outcome};
use eklavya_store::{StoreError, agents, budgets, ledger, tasks};

/// With at least this many output tokens a request need not wait for others to give back what they
/// hold: few answers are longer.
const COMFORTABLE_TOKENS: u64 = 16_384;

/// Limits that count where a scope has none of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DefaultLimits {
    /// Over all projects together.
    pub all: Option<MicroUsd>,
    /// Of every task.
    pub task: Option<MicroUsd>,
    /// Of every agent.
    pub agent: Option<MicroUsd>,
}

impl DefaultLimits {
    fn of(&self, scope: BudgetScope) -> Option<MicroUsd> {
        match scope {
            BudgetScope::All => self.all,
            BudgetScope::Project(_) => None,
            BudgetScope::Task(_) => self.task,
            BudgetScope::Agent(_) => self.agent,
        }
    }
}

/// The answer to a request for money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The money is held, and the ledger says so.
    Granted(Reservation),
    /// Requests under way hold what it needs; they may give some of it back.
    Held(Shortage),
    /// It is spent.
    Refused(Shortage),
}

/// The ledger and the limits.
#[derive(Debug, Clone)]
pub struct Costs {
    desk: Desk,
    defaults: DefaultLimits,
    given_back: Arc<Notify>,
    patience: Duration,
}

impl Costs {
    /// Returns the ledger of a database.
    pub fn new(desk: Desk, defaults: DefaultLimits) -> Self {
        Self {
            desk,
            defaults,
            given_back: Arc::default(),
            patience: Duration::ZERO,
        }
    }

    /// Returns the same ledger, which insists for as long as `patience` on how a request ended where
    /// the database is away: what was spent is known, and must not be lost.
    pub fn insisting(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Holds the most that a request can cost against every limit that applies, with as many output
    /// tokens as the tightest one leaves.
    pub async fn reserve(&self, payer: &Payer, quote: &Quote) -> Result<Decision, StoreError> {
        loop {
            let mut change = self.desk.change(&Actor::Agent(payer.agent)).await?;
            let budgets = self.budgets(&mut change, payer).await?;
            let decision = decide(payer, quote, &budgets);
            match &decision {
                Decision::Granted(reservation) => {
                    // The limits were read in this transaction; where the database lets another
                    // writer in between, the guarded update notices it.
                    if !self.hold(&mut change, payer, reservation.amount).await? {
                        continue;
                    }
                    let now = change.now;
                    ledger::insert(&mut change.tx, payer, quote, reservation, now).await?;
                }
                Decision::Refused(Shortage {
                    scope: BudgetScope::Project(_),
                    budget,
                    ..
                }) => {
                    // What is left is of no use, so the limit is reached.
                    raise(&mut change, payer.project, budget, 100).await?;
                }
                Decision::Held(_) | Decision::Refused(_) => {}
            }
            if let Err(error) = change.commit().await {
                if let Decision::Granted(reservation) = &decision {
                    // Whether it was kept is not known; nothing will be sent for it.
                    self.take_back(reservation.id, &error).await;
                }
                return Err(error);
            }
            return Ok(decision);
        }
    }

    async fn budgets(
        &self,
        change: &mut Change,
        payer: &Payer,
    ) -> Result<Vec<(BudgetScope, Budget)>, StoreError> {
        let mut found = Vec::with_capacity(4);
        for scope in payer.scopes() {
            budgets::ensure(&mut change.tx, scope).await?;
            let mut budget = budgets::find(&mut change.tx, scope).await?;
            budget.limit = budget.limit.or(self.defaults.of(scope));
            found.push((scope, budget));
        }
        Ok(found)
    }

    async fn hold(
        &self,
        change: &mut Change,
        payer: &Payer,
        amount: MicroUsd,
    ) -> Result<bool, StoreError> {
        for scope in payer.scopes() {
            let default = self.defaults.of(scope);
            if !budgets::reserve(&mut change.tx, scope, amount, default).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Books what a request used, even where it is more than was held. Does nothing where the entry
    /// has ended. Returns the thresholds of the project's limit that this crossed.
    pub async fn settle(
        &self,
        id: LedgerId,
        usage: TokenUsage,
        amount: MicroUsd,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        self.finish(id, &Outcome::Exact { usage, amount }, request_id)
            .await
    }

    /// Books all that was held: what the request used is not known. Does nothing where the entry has
    /// ended.
    pub async fn settle_upper_bound(
        &self,
        id: LedgerId,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        self.finish(id, &Outcome::UpperBound, request_id).await
    }

    /// Gives back all that was held: surely nothing was charged. Does nothing where the entry has
    /// ended.
    pub async fn release(&self, id: LedgerId) -> Result<(), StoreError> {
        self.finish(id, &Outcome::Released, None).await.map(|_| ())
    }

    async fn take_back(&self, id: LedgerId, error: &StoreError) {
        if error.is_away()
            && let Err(error) = self.release(id).await
        {
            tracing::error!(entry = %id, %error, "cannot take a reservation back");
        }
    }

    async fn finish(
        &self,
        id: LedgerId,
        outcome: &Outcome,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        // An entry ends once, so it does no harm where the first try was kept.
        let mut insistence = Insistence::new(self.patience);
        loop {
            let done = self.finish_once(id, outcome, request_id).await;
            let is_away = done.as_ref().is_err_and(StoreError::is_away);
            if !is_away || !insistence.pause().await {
                return done;
            }
        }
    }

    async fn finish_once(
        &self,
        id: LedgerId,
        outcome: &Outcome,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        let mut change = self.desk.change(&Actor::System).await?;
        let Some(entry) = ledger::find_open(&mut change.tx, id).await? else {
            return Ok(Vec::new());
        };
        let alerts = finish_entry(&mut change, &entry, outcome, request_id).await?;
        change.commit().await?;
        self.given_back.notify_waiters();
        Ok(alerts)
    }

    /// Settles what the tenures of a project before `fence` left open at its upper bound: whether
    /// their requests were answered is not known. Returns how many entries that were.
    pub async fn settle_orphans(
        &self,
        project: ProjectId,
        fence: i64,
    ) -> Result<usize, StoreError> {
        let mut change = self.desk.change(&Actor::System).await?;
        let open = ledger::open_before(&mut change.tx, project, fence).await?;
        for entry in &open {
            finish_entry(&mut change, entry, &Outcome::UpperBound, None).await?;
        }
        change.commit().await?;
        Ok(open.len())
    }

    /// Waits until some request of this process gives back what it held. Whoever waits checks again
    /// from time to time: another process does not tell.
    pub async fn given_back(&self) {
        self.given_back.notified().await;
    }

    /// Sets a limit, or takes it away. It counts from the next request on.
    pub async fn set_limit(
        &self,
        actor: &Actor,
        scope: BudgetScope,
        limit: Option<MicroUsd>,
    ) -> Result<Vec<BudgetAlert>, ServiceError> {
        let mut change = self.desk.change(actor).await?;
        let before = budgets::find(&mut change.tx, scope).await?;
        budgets::set_limit(&mut change.tx, scope, limit).await?;
        let mut alerts = Vec::new();
        let project = project_of(&mut change, scope).await?;
        if let BudgetScope::Project(id) = scope {
            let budget = Budget { limit, ..before };
            // Thresholds that the new limit takes back can be crossed again.
            let warned = budgets::warned(&mut change.tx, id).await?;
            let reached = threshold(&budget);
            budgets::set_warned(&mut change.tx, id, warned, warned.min(reached)).await?;
            alerts = raise(&mut change, id, &budget, reached).await?;
        }
        let details = serde_json::json!({
            "scope": scope.name(), "scopeId": scope.id(),
            "limitMicroUsd": limit, "beforeMicroUsd": before.limit,
        });
        change.audit((project, None), "budget.set", details);
        change.commit().await?;
        self.given_back.notify_waiters();
        Ok(alerts)
    }

    /// Returns a limit and what stands against it.
    pub async fn show(&self, scope: BudgetScope) -> Result<Budget, StoreError> {
        let mut tx = self.desk.read().await?;
        let mut budget = budgets::find(&mut tx, scope).await?;
        budget.limit = budget.limit.or(self.defaults.of(scope));
        Ok(budget)
    }

    /// Returns the tenure that requests are made in; 0 where there is none.
    pub fn fence(&self) -> i64 {
        self.desk.tenure().map_or(0, |tenure| tenure.fence)
    }

    /// Returns the desk that the ledger is kept at.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }
}

fn decide(payer: &Payer, quote: &Quote, budgets: &[(BudgetScope, Budget)]) -> Decision {
    let limited = || budgets.iter().filter(|(_, budget)| budget.limit.is_some());
    let unheld = |budget: &Budget| {
        budget
            .limit
            .unwrap_or_default()
            .saturating_sub(budget.spent)
    };
    let shortage = |(scope, budget): &(BudgetScope, Budget)| Shortage {
        scope: *scope,
        slug: payer.slug.clone(),
        task_key: payer.task_key.clone(),
        budget: *budget,
        needed: quote.at(quote.min_tokens.min(quote.max_tokens)),
    };
    let Some(emptiest) = limited().min_by_key(|(_, budget)| unheld(budget)) else {
        return grant(quote, quote.max_tokens);
    };
    let Some(later) = quote.affordable(unheld(&emptiest.1)) else {
        return Decision::Refused(shortage(emptiest));
    };
    let tightest = limited()
        .min_by_key(|(_, budget)| budget.available())
        .unwrap_or(emptiest);
    let now = tightest
        .1
        .available()
        .and_then(|left| quote.affordable(left));
    match now {
        Some(now) if now >= later.min(COMFORTABLE_TOKENS) => grant(quote, now),
        _ => Decision::Held(shortage(tightest)),
    }
}

fn grant(quote: &Quote, max_tokens: u64) -> Decision {
    let amount = quote.at(max_tokens);
    Decision::Granted(Reservation {
        id: LedgerId::random(),
        max_tokens,
        amount,
    })
}

async fn finish_entry(
    change: &mut Change,
    entry: &OpenEntry,
    outcome: &Outcome,
    request_id: Option<&str>,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let now = change.now;
    if !ledger::finish(&mut change.tx, entry, outcome, request_id, now).await? {
        return Ok(Vec::new());
    }
    let spent = match outcome {
        Outcome::Exact { amount, .. } => *amount,
        Outcome::UpperBound => entry.reserved,
        Outcome::Released => MicroUsd::ZERO,
    };
    if let Outcome::Exact { usage, .. } = outcome {
        let tokens = usage.prompt().saturating_add(usage.output);
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        agents::add_tokens(&mut change.tx, entry.agent, tokens).await?;
    }
    for scope in scopes(entry.project, entry.task, entry.agent) {
        budgets::settle(&mut change.tx, scope, entry.reserved, spent).await?;
    }
    let budget = budgets::find(&mut change.tx, BudgetScope::Project(entry.project)).await?;
    raise(change, entry.project, &budget, threshold(&budget)).await
}

/// Returns the highest threshold that a project's spending has reached; 0 where it is below all.
fn threshold(budget: &Budget) -> i64 {
    let percent = budget
        .limit
        .map_or(0, |limit| budget.spent.percent_of(limit));
    THRESHOLDS
        .into_iter()
        .filter(|t| *t <= percent)
        .max()
        .unwrap_or(0)
}

/// Raises an event for each threshold up to `highest` that was not announced before.
async fn raise(
    change: &mut Change,
    project: ProjectId,
    budget: &Budget,
    highest: i64,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let Some(limit) = budget.limit else {
        return Ok(Vec::new());
    };
    let warned = budgets::warned(&mut change.tx, project).await?;
    if highest <= warned || !budgets::set_warned(&mut change.tx, project, warned, highest).await? {
        return Ok(Vec::new());
    }
    let mut alerts = Vec::new();
    for percent in THRESHOLDS
        .into_iter()
        .filter(|t| *t > warned && *t <= highest)
    {
        let alert = BudgetAlert {
            project_id: project,
            spent: budget.spent,
            limit,
            percent,
        };
        notices::spent_in(change, &alert).await?;
        alerts.push(alert);
    }
    Ok(alerts)
}

/// Returns the project that a limit concerns; nothing where it concerns all.
async fn project_of(
    change: &mut Change,
    scope: BudgetScope,
) -> Result<Option<ProjectId>, StoreError> {
    let tx = &mut change.tx;
    Ok(match scope {
        BudgetScope::All => None,
        BudgetScope::Project(id) => Some(id),
        BudgetScope::Task(id) => tasks::by_id(tx, id).await?.map(|task| task.project),
        BudgetScope::Agent(id) => agents::by_id(tx, id).await?.map(|agent| agent.project),
    })
}

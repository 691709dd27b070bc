//! The hard limits: money is held before a request is sent and settled after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::data_store::STORE_RETRY;
use crate::event_log::notifications;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::{LedgerId, ProjectId};
use eklavya_core::ledger::{
    Budget, BudgetAlert, BudgetScope, BudgetShortage, PriceQuote, RequestPayer, Reservation,
    THRESHOLDS, TokenUsage, budget_scopes,
};
use eklavya_core::money::MicroUsd;
use eklavya_store::ledger::{LedgerOutcome, OpenLedgerEntry};
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
    fn for_scope(&self, scope: BudgetScope) -> Option<MicroUsd> {
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
pub enum ReservationOutcome {
    /// The money is held, and the ledger says so.
    Granted(Reservation),
    /// Requests under way hold what it needs; they may give some of it back.
    Held(BudgetShortage),
    /// It is spent.
    Refused(BudgetShortage),
}

/// The ledger and the limits.
#[derive(Debug, Clone)]
pub struct CostTracker {
    data: DataStore,
    defaults: DefaultLimits,
    released: Arc<Notify>,
    retry_timeout: Duration,
}

impl CostTracker {
    /// Returns the ledger of a database.
    pub fn new(data: DataStore, defaults: DefaultLimits) -> Self {
        Self {
            data,
            defaults,
            released: Arc::default(),
            retry_timeout: Duration::ZERO,
        }
    }

    /// Returns the same ledger, which insists for as long as `patience` on how a request ended where
    /// the database is away: what was spent is known, and must not be lost.
    pub fn with_retry_timeout(self, patience: Duration) -> Self {
        Self {
            retry_timeout: patience,
            ..self
        }
    }

    /// Holds the most that a request can cost against every limit that applies, with as many output
    /// tokens as the tightest one leaves.
    pub async fn reserve(
        &self,
        payer: &RequestPayer,
        quote: &PriceQuote,
    ) -> Result<ReservationOutcome, StoreError> {
        loop {
            let mut change = self.data.begin(&AuditActor::Agent(payer.agent)).await?;
            let budgets = self.load_budgets(&mut change, payer).await?;
            let decision = decide_reservation(payer, quote, &budgets);
            match &decision {
                ReservationOutcome::Granted(reservation) => {
                    // The limits were read in this transaction; where the database lets another
                    // writer in between, the guarded update notices it.
                    if !self
                        .reserve_all(&mut change, payer, reservation.amount)
                        .await?
                    {
                        continue;
                    }
                    let now = change.now;
                    ledger::insert(&mut change.sql, payer, quote, reservation, now).await?;
                }
                ReservationOutcome::Refused(BudgetShortage {
                    scope: BudgetScope::Project(_),
                    budget,
                    ..
                }) => {
                    // What is left is of no use, so the limit is reached.
                    raise_alerts(&mut change, payer.project, budget, 100).await?;
                }
                ReservationOutcome::Held(_) | ReservationOutcome::Refused(_) => {}
            }
            if let Err(error) = change.commit().await {
                if let ReservationOutcome::Granted(reservation) = &decision {
                    // Whether it was kept is not known; nothing will be sent for it.
                    self.release_uncommitted(reservation.id, &error).await;
                }
                return Err(error);
            }
            return Ok(decision);
        }
    }

    async fn load_budgets(
        &self,
        change: &mut Transaction,
        payer: &RequestPayer,
    ) -> Result<Vec<(BudgetScope, Budget)>, StoreError> {
        let mut found = Vec::with_capacity(4);
        for scope in payer.budget_scopes() {
            budgets::ensure_row(&mut change.sql, scope).await?;
            let mut budget = budgets::find(&mut change.sql, scope).await?;
            budget.limit = budget.limit.or(self.defaults.for_scope(scope));
            found.push((scope, budget));
        }
        Ok(found)
    }

    async fn reserve_all(
        &self,
        change: &mut Transaction,
        payer: &RequestPayer,
        amount: MicroUsd,
    ) -> Result<bool, StoreError> {
        for scope in payer.budget_scopes() {
            let default = self.defaults.for_scope(scope);
            if !budgets::reserve(&mut change.sql, scope, amount, default).await? {
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
        self.finish_with_retry(id, &LedgerOutcome::Exact { usage, amount }, request_id)
            .await
    }

    /// Books all that was held: what the request used is not known. Does nothing where the entry has
    /// ended.
    pub async fn settle_upper_bound(
        &self,
        id: LedgerId,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        self.finish_with_retry(id, &LedgerOutcome::UpperBound, request_id)
            .await
    }

    /// Gives back all that was held: surely nothing was charged. Does nothing where the entry has
    /// ended.
    pub async fn release(&self, id: LedgerId) -> Result<(), StoreError> {
        self.finish_with_retry(id, &LedgerOutcome::Released, None)
            .await
            .map(|_| ())
    }

    async fn release_uncommitted(&self, id: LedgerId, error: &StoreError) {
        if error.is_unavailable()
            && let Err(error) = self.release(id).await
        {
            tracing::error!(entry = %id, %error, "cannot take a reservation back");
        }
    }

    async fn finish_with_retry(
        &self,
        id: LedgerId,
        outcome: &LedgerOutcome,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        // An entry ends once, so it does no harm where the first try was kept.
        let mut backoff = STORE_RETRY.until(self.retry_timeout);
        loop {
            let done = self.finish_once(id, outcome, request_id).await;
            let is_away = done.as_ref().is_err_and(StoreError::is_unavailable);
            if !is_away || !backoff.wait().await {
                return done;
            }
        }
    }

    async fn finish_once(
        &self,
        id: LedgerId,
        outcome: &LedgerOutcome,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        let mut change = self.data.begin(&AuditActor::System).await?;
        let Some(entry) = ledger::find_open(&mut change.sql, id).await? else {
            return Ok(Vec::new());
        };
        let alerts = finish_entry(&mut change, &entry, outcome, request_id).await?;
        change.commit().await?;
        self.released.notify_waiters();
        Ok(alerts)
    }

    /// Settles what the tenures of a project before `fence` left open at its upper bound: whether
    /// their requests were answered is not known. Returns how many entries that were.
    pub async fn settle_abandoned(
        &self,
        project: ProjectId,
        fence: i64,
    ) -> Result<usize, StoreError> {
        let mut change = self.data.begin(&AuditActor::System).await?;
        let open = ledger::list_open_before(&mut change.sql, project, fence).await?;
        for entry in &open {
            finish_entry(&mut change, entry, &LedgerOutcome::UpperBound, None).await?;
        }
        change.commit().await?;
        Ok(open.len())
    }

    /// Waits until some request of this process gives back what it held. Whoever waits checks again
    /// from time to time: another process does not tell.
    pub async fn wait_for_release(&self) {
        self.released.notified().await;
    }

    /// Sets a limit, or takes it away. It counts from the next request on.
    pub async fn set_limit(
        &self,
        actor: &AuditActor,
        scope: BudgetScope,
        limit: Option<MicroUsd>,
    ) -> Result<Vec<BudgetAlert>, ServiceError> {
        let mut change = self.data.begin(actor).await?;
        let before = budgets::find(&mut change.sql, scope).await?;
        budgets::set_limit(&mut change.sql, scope, limit).await?;
        let mut alerts = Vec::new();
        let project = project_of_scope(&mut change, scope).await?;
        if let BudgetScope::Project(id) = scope {
            let budget = Budget { limit, ..before };
            // Thresholds that the new limit takes back can be crossed again.
            let warned = budgets::warned_percent(&mut change.sql, id).await?;
            let reached = reached_threshold(&budget);
            budgets::swap_warned_percent(&mut change.sql, id, warned, warned.min(reached)).await?;
            alerts = raise_alerts(&mut change, id, &budget, reached).await?;
        }
        let details = serde_json::json!({
            "scope": scope.name(), "scopeId": scope.id(),
            "limitMicroUsd": limit, "beforeMicroUsd": before.limit,
        });
        change.add_audit((project, None), "budget.set", details);
        change.commit().await?;
        self.released.notify_waiters();
        Ok(alerts)
    }

    /// Returns a limit and what stands against it.
    pub async fn find_budget(&self, scope: BudgetScope) -> Result<Budget, StoreError> {
        let mut tx = self.data.begin_read().await?;
        let mut budget = budgets::find(&mut tx, scope).await?;
        budget.limit = budget.limit.or(self.defaults.for_scope(scope));
        Ok(budget)
    }

    /// Returns the tenure that requests are made in; 0 where there is none.
    pub fn fence(&self) -> i64 {
        self.data.held_lease().map_or(0, |tenure| tenure.fence)
    }

    /// Returns the desk that the ledger is kept at.
    pub fn data(&self) -> &DataStore {
        &self.data
    }
}

fn decide_reservation(
    payer: &RequestPayer,
    quote: &PriceQuote,
    budgets: &[(BudgetScope, Budget)],
) -> ReservationOutcome {
    let limited = || budgets.iter().filter(|(_, budget)| budget.limit.is_some());
    let unheld = |budget: &Budget| {
        budget
            .limit
            .unwrap_or_default()
            .saturating_sub(budget.spent)
    };
    let shortage = |(scope, budget): &(BudgetScope, Budget)| BudgetShortage {
        scope: *scope,
        slug: payer.slug.clone(),
        task_key: payer.task_key.clone(),
        budget: *budget,
        needed: quote.cost_at(quote.min_tokens.min(quote.max_tokens)),
    };
    let Some(emptiest) = limited().min_by_key(|(_, budget)| unheld(budget)) else {
        return grant(quote, quote.max_tokens);
    };
    let Some(later) = quote.affordable_tokens(unheld(&emptiest.1)) else {
        return ReservationOutcome::Refused(shortage(emptiest));
    };
    let tightest = limited()
        .min_by_key(|(_, budget)| budget.available())
        .unwrap_or(emptiest);
    let now = tightest
        .1
        .available()
        .and_then(|left| quote.affordable_tokens(left));
    match now {
        Some(now) if now >= later.min(COMFORTABLE_TOKENS) => grant(quote, now),
        _ => ReservationOutcome::Held(shortage(tightest)),
    }
}

fn grant(quote: &PriceQuote, max_tokens: u64) -> ReservationOutcome {
    let amount = quote.cost_at(max_tokens);
    ReservationOutcome::Granted(Reservation {
        id: LedgerId::random(),
        max_tokens,
        amount,
    })
}

async fn finish_entry(
    change: &mut Transaction,
    entry: &OpenLedgerEntry,
    outcome: &LedgerOutcome,
    request_id: Option<&str>,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let now = change.now;
    if !ledger::finish(&mut change.sql, entry, outcome, request_id, now).await? {
        return Ok(Vec::new());
    }
    let spent = match outcome {
        LedgerOutcome::Exact { amount, .. } => *amount,
        LedgerOutcome::UpperBound => entry.reserved,
        LedgerOutcome::Released => MicroUsd::ZERO,
    };
    if let LedgerOutcome::Exact { usage, .. } = outcome {
        let tokens = usage.prompt_tokens().saturating_add(usage.output);
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        agents::add_tokens(&mut change.sql, entry.agent, tokens).await?;
    }
    for scope in budget_scopes(entry.project, entry.task, entry.agent) {
        budgets::settle(&mut change.sql, scope, entry.reserved, spent).await?;
    }
    let budget = budgets::find(&mut change.sql, BudgetScope::Project(entry.project)).await?;
    raise_alerts(change, entry.project, &budget, reached_threshold(&budget)).await
}

/// Returns the highest threshold that a project's spending has reached; 0 where it is below all.
fn reached_threshold(budget: &Budget) -> i64 {
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
async fn raise_alerts(
    change: &mut Transaction,
    project: ProjectId,
    budget: &Budget,
    highest: i64,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let Some(limit) = budget.limit else {
        return Ok(Vec::new());
    };
    let warned = budgets::warned_percent(&mut change.sql, project).await?;
    if highest <= warned
        || !budgets::swap_warned_percent(&mut change.sql, project, warned, highest).await?
    {
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
        notifications::notify_budget_in(change, &alert).await?;
        alerts.push(alert);
    }
    Ok(alerts)
}

/// Returns the project that a limit concerns; nothing where it concerns all.
async fn project_of_scope(
    change: &mut Transaction,
    scope: BudgetScope,
) -> Result<Option<ProjectId>, StoreError> {
    let tx = &mut change.sql;
    Ok(match scope {
        BudgetScope::All => None,
        BudgetScope::Project(id) => Some(id),
        BudgetScope::Task(id) => tasks::by_id(tx, id).await?.map(|task| task.project),
        BudgetScope::Agent(id) => agents::by_id(tx, id).await?.map(|agent| agent.project),
    })
}

//! Enforces the budgets: money is reserved before a request is sent and settled after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use crate::cost::reservation::ReservationOutcome;
use crate::cost::reservation::decide_reservation;
use crate::cost::settlement::{finish_entry, raise_alerts, reached_threshold};
use crate::data_store::STORE_RETRY;
use crate::{DataStore, ServiceError, Transaction};
use eklavya_core::audit::AuditActor;
use eklavya_core::ids::{LedgerId, ProjectId};
use eklavya_core::ledger::{
    Budget, BudgetAlert, BudgetScope, BudgetShortage, PriceQuote, RequestPayer, TokenUsage,
};
use eklavya_core::money::MicroUsd;
use eklavya_store::budgets::NamedBudget;
use eklavya_store::ledger::LedgerOutcome;
use eklavya_store::{StoreError, agents, budgets, ledger, tasks};

/// Default limits, for scopes without a limit of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DefaultLimits {
    pub all: Option<MicroUsd>,
    pub task: Option<MicroUsd>,
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

#[derive(Debug, Clone)]
pub struct CostTracker {
    data: DataStore,
    defaults: DefaultLimits,
    released: Arc<Notify>,
    retry_timeout: Duration,
}

impl CostTracker {
    /// Returns the tracker for a database.
    pub fn new(data: DataStore, defaults: DefaultLimits) -> Self {
        Self {
            data,
            defaults,
            released: Arc::default(),
            retry_timeout: Duration::ZERO,
        }
    }

    /// Returns the same tracker, which retries a settlement for up to `retry_timeout` while the database
    /// is unavailable: the cost is known, and must not be lost.
    pub fn with_retry_timeout(self, retry_timeout: Duration) -> Self {
        Self {
            retry_timeout,
            ..self
        }
    }

    /// Reserves the most that a request can cost in every budget that applies, with as many output
    /// tokens as the tightest budget allows.
    pub async fn reserve(
        &self,
        payer: &RequestPayer,
        quote: &PriceQuote,
    ) -> Result<ReservationOutcome, StoreError> {
        loop {
            let mut tx = self.data.begin(&AuditActor::Agent(payer.agent)).await?;
            let budgets = self.load_budgets(&mut tx, payer).await?;
            let decision = decide_reservation(payer, quote, &budgets);
            let recorded = self.record_decision(&mut tx, payer, quote, &decision);
            if !recorded.await? {
                continue;
            }
            if let Err(error) = tx.commit().await {
                if let ReservationOutcome::Granted(reservation) = &decision {
                    // The commit may have succeeded, but no request will be sent for it.
                    self.release_uncommitted(reservation.id, &error).await;
                }
                return Err(error);
            }
            return Ok(decision);
        }
    }

    /// Returns false if the decision must be made again.
    async fn record_decision(
        &self,
        tx: &mut Transaction,
        payer: &RequestPayer,
        quote: &PriceQuote,
        decision: &ReservationOutcome,
    ) -> Result<bool, StoreError> {
        match decision {
            ReservationOutcome::Granted(reservation) => {
                if !self.reserve_all(tx, payer, reservation.amount).await? {
                    return Ok(false);
                }
                let now = tx.now;
                ledger::insert(&mut tx.sql, payer, quote, reservation, now).await?;
            }
            ReservationOutcome::Refused(BudgetShortage {
                scope: BudgetScope::Project(_),
                budget,
                ..
            }) => {
                // The rest is too small for any request, so the limit is reached.
                raise_alerts(tx, payer.project, budget, 100).await?;
            }
            ReservationOutcome::Held(_) | ReservationOutcome::Refused(_) => {}
        }
        Ok(true)
    }

    async fn load_budgets(
        &self,
        tx: &mut Transaction,
        payer: &RequestPayer,
    ) -> Result<Vec<(BudgetScope, Budget)>, StoreError> {
        let mut found = Vec::with_capacity(4);
        for scope in payer.budget_scopes() {
            budgets::ensure_row(&mut tx.sql, scope).await?;
            let mut budget = budgets::find(&mut tx.sql, scope).await?;
            budget.limit = budget.limit.or(self.defaults.for_scope(scope));
            found.push((scope, budget));
        }
        Ok(found)
    }

    /// Returns false if a budget no longer has the amount: another writer changed it since it was read.
    async fn reserve_all(
        &self,
        tx: &mut Transaction,
        payer: &RequestPayer,
        amount: MicroUsd,
    ) -> Result<bool, StoreError> {
        for scope in payer.budget_scopes() {
            let default = self.defaults.for_scope(scope);
            if !budgets::reserve(&mut tx.sql, scope, amount, default).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Settles the actual cost of a request, even if it exceeds the reservation. Does nothing if
    /// the entry has ended. Returns the thresholds of the project's limit that this crossed.
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

    /// Settles the whole reservation, because the usage is not known. Does nothing if the entry has
    /// ended.
    pub async fn settle_upper_bound(
        &self,
        id: LedgerId,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        self.finish_with_retry(id, &LedgerOutcome::UpperBound, request_id)
            .await
    }

    /// Releases the whole reservation, because nothing was charged. Does nothing if the entry has
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
            tracing::error!(entry = %id, %error, "cannot release a reservation");
        }
    }

    async fn finish_with_retry(
        &self,
        id: LedgerId,
        outcome: &LedgerOutcome,
        request_id: Option<&str>,
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        // An entry ends once, so a retry after a successful attempt is harmless.
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
        let mut tx = self.data.begin(&AuditActor::System).await?;
        let Some(entry) = ledger::find_open(&mut tx.sql, id).await? else {
            return Ok(Vec::new());
        };
        let alerts = finish_entry(&mut tx, &entry, outcome, request_id).await?;
        tx.commit().await?;
        self.released.notify_waiters();
        Ok(alerts)
    }

    /// Settles a project's open entries of fences before `fence` at their upper bound, because it
    /// is not known whether their requests were answered. Returns the number of entries.
    pub async fn settle_abandoned(
        &self,
        project: ProjectId,
        fence: i64,
    ) -> Result<usize, StoreError> {
        let mut tx = self.data.begin(&AuditActor::System).await?;
        let open = ledger::list_open_before(&mut tx.sql, project, fence).await?;
        for entry in &open {
            finish_entry(&mut tx, entry, &LedgerOutcome::UpperBound, None).await?;
        }
        tx.commit().await?;
        Ok(open.len())
    }

    /// Waits until a request of this process releases money. The caller also polls, because other
    /// processes do not notify.
    pub async fn wait_for_release(&self) {
        self.released.notified().await;
    }

    /// Sets or removes a limit, for later requests.
    pub async fn set_limit(
        &self,
        actor: &AuditActor,
        scope: BudgetScope,
        limit: Option<MicroUsd>,
    ) -> Result<Vec<BudgetAlert>, ServiceError> {
        let mut tx = self.data.begin(actor).await?;
        let before = budgets::find(&mut tx.sql, scope).await?;
        budgets::set_limit(&mut tx.sql, scope, limit).await?;
        let mut alerts = Vec::new();
        let project = project_of_scope(&mut tx, scope).await?;
        if let BudgetScope::Project(id) = scope {
            let budget = Budget { limit, ..before };
            // Thresholds above the new percentage can be crossed again.
            let warned = budgets::warned_percent(&mut tx.sql, id).await?;
            let reached = reached_threshold(&budget);
            budgets::swap_warned_percent(&mut tx.sql, id, warned, warned.min(reached)).await?;
            alerts = raise_alerts(&mut tx, id, &budget, reached).await?;
        }
        let details = serde_json::json!({
            "scope": scope.name(), "scopeId": scope.id(),
            "limitMicroUsd": limit, "beforeMicroUsd": before.limit,
        });
        tx.add_audit((project, None), "budget.set", details);
        tx.commit().await?;
        self.released.notify_waiters();
        Ok(alerts)
    }

    pub async fn find_budget(&self, scope: BudgetScope) -> Result<Budget, StoreError> {
        let mut tx = self.data.begin_read().await?;
        let mut budget = budgets::find(&mut tx, scope).await?;
        budget.limit = budget.limit.or(self.defaults.for_scope(scope));
        Ok(budget)
    }

    /// Returns the budgets of all projects, oldest first. A default replaces a limit that is not set.
    pub async fn list_project_budgets(&self) -> Result<Vec<NamedBudget>, StoreError> {
        let mut tx = self.data.begin_read().await?;
        Ok(self.apply_defaults(budgets::of_projects(&mut tx).await?))
    }

    /// Returns the budgets of a project's tasks, oldest first, likewise.
    pub async fn list_task_budgets(
        &self,
        project: ProjectId,
    ) -> Result<Vec<NamedBudget>, StoreError> {
        let mut tx = self.data.begin_read().await?;
        Ok(self.apply_defaults(budgets::of_tasks(&mut tx, project).await?))
    }

    fn apply_defaults(&self, mut found: Vec<NamedBudget>) -> Vec<NamedBudget> {
        for named in &mut found {
            let own = named.budget.limit;
            named.budget.limit = own.or(self.defaults.for_scope(named.scope));
        }
        found
    }

    /// Returns the fence of the held lease; 0 without a lease.
    pub fn fence(&self) -> i64 {
        self.data.held_lease().map_or(0, |lease| lease.fence)
    }

    pub fn data(&self) -> &DataStore {
        &self.data
    }
}

/// Returns the project of a scope; `None` for the budget of all projects.
async fn project_of_scope(
    tx: &mut Transaction,
    scope: BudgetScope,
) -> Result<Option<ProjectId>, StoreError> {
    let sql = &mut tx.sql;
    Ok(match scope {
        BudgetScope::All => None,
        BudgetScope::Project(id) => Some(id),
        BudgetScope::Task(id) => tasks::by_id(sql, id).await?.map(|task| task.project),
        BudgetScope::Agent(id) => agents::by_id(sql, id).await?.map(|agent| agent.project),
    })
}

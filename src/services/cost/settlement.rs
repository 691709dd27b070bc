//! The end of a ledger entry, and the thresholds of a limit that it crosses.

use crate::Transaction;
use crate::event_log::notifications;
use eklavya_core::ids::ProjectId;
use eklavya_core::ledger::{Budget, BudgetAlert, BudgetScope, THRESHOLDS, budget_scopes};
use eklavya_core::money::MicroUsd;
use eklavya_store::ledger::{LedgerOutcome, OpenLedgerEntry};
use eklavya_store::{StoreError, agents, budgets, ledger};

/// Ends a ledger entry, and updates the budgets that it counts against. Returns the thresholds of
/// the project's limit that this crossed.
pub(super) async fn finish_entry(
    tx: &mut Transaction,
    entry: &OpenLedgerEntry,
    outcome: &LedgerOutcome,
    request_id: Option<&str>,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let now = tx.now;
    if !ledger::finish(&mut tx.sql, entry, outcome, request_id, now).await? {
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
        agents::add_tokens(&mut tx.sql, entry.agent, tokens).await?;
    }
    for scope in budget_scopes(entry.project, entry.task, entry.agent) {
        budgets::settle(&mut tx.sql, scope, entry.reserved, spent).await?;
    }
    let budget = budgets::find(&mut tx.sql, BudgetScope::Project(entry.project)).await?;
    raise_alerts(tx, entry.project, &budget, reached_threshold(&budget)).await
}

/// Returns the highest threshold that a project's spending has reached; 0 below the first.
pub(super) fn reached_threshold(budget: &Budget) -> i64 {
    let percent = budget
        .limit
        .map_or(0, |limit| budget.spent.percent_of(limit));
    THRESHOLDS
        .into_iter()
        .filter(|t| *t <= percent)
        .max()
        .unwrap_or(0)
}

/// Emits an event for each threshold up to `highest` that was not announced before.
pub(super) async fn raise_alerts(
    tx: &mut Transaction,
    project: ProjectId,
    budget: &Budget,
    highest: i64,
) -> Result<Vec<BudgetAlert>, StoreError> {
    let Some(limit) = budget.limit else {
        return Ok(Vec::new());
    };
    let warned = budgets::warned_percent(&mut tx.sql, project).await?;
    if highest <= warned
        || !budgets::swap_warned_percent(&mut tx.sql, project, warned, highest).await?
    {
        return Ok(Vec::new());
    }
    let mut alerts = Vec::new();
    let is_crossed = |threshold: &i64| *threshold > warned && *threshold <= highest;
    for percent in THRESHOLDS.into_iter().filter(is_crossed) {
        let alert = BudgetAlert {
            project_id: project,
            spent: budget.spent,
            limit,
            percent,
        };
        notifications::notify_budget_in(tx, &alert).await?;
        alerts.push(alert);
    }
    Ok(alerts)
}

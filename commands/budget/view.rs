//! The printed form of a limit.

use eklavya_core::ledger::{Budget, BudgetScope};
use eklavya_core::money::MicroUsd;
use serde::Serialize;

use crate::output::TableRow;

/// Amounts are in micro-dollars.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// `all`, `project`, `task` or `agent`.
    scope: &'static str,
    name: String,
    limit_micro_usd: Option<MicroUsd>,
    spent_micro_usd: MicroUsd,
    /// Reserved for requests in progress.
    reserved_micro_usd: MicroUsd,
    /// What a new request may reserve.
    available_micro_usd: Option<MicroUsd>,
}

impl BudgetView {
    pub fn of(scope: BudgetScope, name: String, budget: &Budget) -> Self {
        Self {
            scope: scope.name(),
            name,
            limit_micro_usd: budget.limit,
            spent_micro_usd: budget.spent,
            reserved_micro_usd: budget.reserved,
            available_micro_usd: budget.available(),
        }
    }

    /// The name of the project, task or agent that the limit applies to.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TableRow for BudgetView {
    const COLUMNS: &'static [&'static str] = &["budget", "limit", "spent", "reserved", "left"];

    fn cells(&self) -> Vec<String> {
        let or_none = |amount: Option<MicroUsd>| amount.map_or("none".to_owned(), format_dollars);
        vec![
            self.name.clone(),
            or_none(self.limit_micro_usd),
            format_dollars(self.spent_micro_usd),
            format_dollars(self.reserved_micro_usd),
            or_none(self.available_micro_usd),
        ]
    }
}

/// Formats an amount for people: `$0.50`.
pub fn format_dollars(amount: MicroUsd) -> String {
    let mut text = amount.to_string();
    text.insert(0, '$');
    text
}

//! Budgets and the ledger.

pub mod budgets;
pub mod ledger;
pub mod ledger_report;

//! Reservations against budgets, and cost reports.

pub mod cost_report;
pub mod costs;
mod reservation;
mod settlement;

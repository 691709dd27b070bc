//! Money: limits hold, and the ledger equals the bill.

mod budget;
mod ledger;

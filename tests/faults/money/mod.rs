//! Money: limits hold, and the ledger is what was billed.

mod budget;
mod ledger;

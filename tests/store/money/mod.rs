//! Money: reservations, settlements, limits and the ledger.

mod cost_properties;
mod costs;
mod ledger;

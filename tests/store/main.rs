//! The contract of the store: one text for every database that it works on, and what happens
//! where a database cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail as tests do, and tests make what they look at"
)]

mod cancelled;
mod contract;
mod copy;
mod costs;
mod databases;
mod fake_servers;
mod leases;
mod ledger;
mod migrate;
mod project_records;
mod spawned_tasks;
mod unusable_databases;

//! The contract of the store: the same tests for every database, and the errors of databases that
//! cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail as tests do, and tests start programs as a user does"
)]

mod cancelled;
mod close_at_exit;
mod contract;
mod copy;
mod cost_properties;
mod costs;
mod databases;
mod fake_servers;
mod leases;
mod ledger;
mod migrate;
mod project_records;
mod spawned_tasks;
mod unusable_databases;

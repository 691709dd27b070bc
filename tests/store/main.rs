//! The contract of the store: the same tests for every database, and the errors of databases that
//! cannot be used.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail as tests do, and tests start programs as a user does"
)]

mod contract;
mod database;
mod fixtures;
mod leases;
mod money;
mod spawned_tasks;

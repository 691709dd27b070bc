//! The servers that the tests start and that an installation may run on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "no binary of tests uses all of it")]
mod support;

mod audit;
mod compose;
mod events;
mod leases;
mod postgres_fixture;

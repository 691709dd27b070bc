//! The database servers of tests and installations, and docker/compose.yaml.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod audit;
mod compose;
mod events;
mod leases;
mod postgres_fixture;

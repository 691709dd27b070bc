//! The bus: one text for both of them, inside the process and on Redis, and what happens when the
//! server is away, frozen, restarted empty, or not what it should be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod bus_fixture;
mod commands;
mod connecting;
mod faults;
mod impostor;
mod messages;
mod rate_limits;
mod transport;

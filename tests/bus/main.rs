//! The bus: the same tests inside the process and on Redis, and its behaviour if the server is
//! down, frozen, restarted empty, or not a usable Redis.

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

//! The sandbox, attacked from inside by real processes under real bubblewrap and in real Docker
//! containers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod attacks;
mod cli;
mod door;
mod egress;
mod fixtures;
mod lifetime;
mod matrix;
mod preview;
mod redteam;
mod roles;
mod run;
mod selftest;
#[macro_use]
mod shared_tests;

mod bubblewrap;
mod docker;

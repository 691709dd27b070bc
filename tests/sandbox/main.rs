//! The sandbox, attacked from inside by real processes under real bubblewrap and in real Docker
//! containers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod attacks;
mod backend;
mod cli;
mod door;
mod egress;
mod lifetime;
mod matrix;
mod model;
mod preview;
mod redteam;
mod roles;
mod run;
mod sandbox_project;
mod selftest;
#[macro_use]
mod shared_tests;

mod bubblewrap;
mod docker;

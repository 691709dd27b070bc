//! The walls of the sandbox, tried from inside by real processes under real bubblewrap.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests are tests too"
)]

#[path = "../support/agents.rs"]
mod agents;
mod attacks;
#[path = "../support/claude.rs"]
mod claude;
mod cli;
mod door;
mod egress;
mod examine;
mod isolation;
mod lifetime;
mod matrix;
mod model;
mod preview;
mod redteam;
mod roles;
mod run;
mod support;

//! The walls of Docker's containers, tried from inside under a real engine. What holds for every
//! isolation is tried by the tests of `tests/sandbox` themselves, with `isolation` in its place.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests are tests too"
)]

#[path = "../support/claude.rs"]
mod claude;
#[path = "../support/docker.rs"]
mod docker;
#[path = "../sandbox/door.rs"]
mod door;
mod isolation;
#[path = "../sandbox/lifetime.rs"]
mod lifetime;
#[path = "../sandbox/preview.rs"]
mod preview;
#[path = "../sandbox/roles.rs"]
mod roles;
#[path = "../sandbox/run.rs"]
mod run;
#[path = "../sandbox/support.rs"]
mod support;

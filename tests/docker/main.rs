//! The walls of Docker's containers, tried from inside under a real engine. What holds for every
//! isolation is tried by the tests of `tests/sandbox` themselves, with `isolation` in its place.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests are tests too"
)]

#[path = "../support/claude.rs"]
mod claude;
#[path = "../sandbox/cli.rs"]
mod cli;
#[allow(dead_code, reason = "other binaries use the rest")]
#[path = "../support/mod.rs"]
mod commands;
mod deputy;
#[path = "../support/docker.rs"]
mod docker;
#[path = "../sandbox/door.rs"]
mod door;
#[path = "../sandbox/examine.rs"]
mod examine;
#[path = "../support/fixture.rs"]
mod fixture;
#[path = "../support/host.rs"]
mod host;
mod images;
mod isolation;
#[path = "../support/library.rs"]
mod library;
#[path = "../sandbox/lifetime.rs"]
mod lifetime;
mod limits;
#[path = "../sandbox/matrix/mod.rs"]
mod matrix;
#[path = "../sandbox/model.rs"]
mod model;
#[path = "../stories/neighbours.rs"]
mod neighbours;
#[path = "../sandbox/preview.rs"]
mod preview;
mod reaping;
#[path = "../sandbox/redteam/mod.rs"]
mod redteam;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/rehearsal.rs"]
mod rehearsal;
#[path = "../sandbox/roles.rs"]
mod roles;
#[path = "../sandbox/run.rs"]
mod run;
mod stories;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/story.rs"]
mod story;
#[path = "../stories/table/mod.rs"]
mod table;
#[path = "../sandbox/support.rs"]
mod walls;

/// What the tests that are taken from elsewhere expect.
mod support {
    pub use crate::commands::*;
    pub use crate::walls::*;
}

//! Whole stories: a project from its brief on, driven by commands, with the real Claude Code CLI in
//! the real sandbox and a rehearsal as the model.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/claude.rs"]
mod claude;
#[path = "../support/fixture.rs"]
mod fixture;
#[path = "../support/host.rs"]
mod host;
#[path = "../support/library.rs"]
mod library;
#[path = "../support/rehearsal.rs"]
mod rehearsal;
#[path = "../support/story.rs"]
mod story;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

mod brokered;
mod building;
mod control;
mod demos;
mod egress;
mod handing_out;
mod happy;
mod neighbours;
mod odd;
mod planning;
mod recording;
mod roles;
mod table;
mod unsandboxed;
mod verification;
mod walls;

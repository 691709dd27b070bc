//! The browser of agents: a real Chromium in its sandbox, hostile pages, and a story through the real
//! Claude Code CLI.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../support/claude.rs"]
mod claude;
#[path = "../support/fixture.rs"]
mod fixture;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/rehearsal.rs"]
mod rehearsal;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/story.rs"]
mod story;
#[expect(dead_code, reason = "other binaries use the rest")]
#[path = "../support/mod.rs"]
mod support;

mod door;
mod driving;
mod hostile;
mod scene;
mod told;

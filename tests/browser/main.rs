//! The browser of agents: a real Chromium in its sandbox, hostile pages, and a project with the
//! real Claude Code CLI.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod browser_fixture;
mod demo_story;
mod door;
mod driving;
mod hostile;

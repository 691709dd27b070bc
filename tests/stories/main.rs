//! Projects from their brief to their delivery, driven by commands, with the real Claude Code CLI
//! in the real sandbox and a rehearsal as the model.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod agents;
mod docker;
mod happy_path;
mod isolation;
mod recording;
mod stages;

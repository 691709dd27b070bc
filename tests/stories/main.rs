//! Whole stories: a project from its brief on, driven by commands, with the real Claude Code CLI in
//! the real sandbox and a rehearsal as the model.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod brokered;
mod building;
mod control;
mod demos;
mod docker;
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

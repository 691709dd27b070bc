//! Whole stories: a project from its brief to its delivery, driven by commands, with the real
//! Claude Code CLI in the real sandbox and a rehearsal as the model.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod abnormal_ends;
mod brokered_commands;
mod building;
mod control;
mod delegation;
mod demos;
mod docker;
mod egress;
mod happy_path;
mod isolation;
mod neighbours;
mod planning;
mod recording;
mod role_table;
mod roles;
mod unsandboxed;
mod verification;

//! The built binary: its output and its exit codes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod agents;
mod audit;
mod configuration;
mod doctor;
mod events;
mod every_command;
mod init;
mod money;
mod projects;
mod sandbox;
mod secrets;

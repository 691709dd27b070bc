//! The built binary: its output and its exit codes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod agents;
mod audit;
mod configuration;
mod doctor;
mod events;
mod generated;
mod help;
mod init;
mod money;
mod output;
mod projects;
mod sandbox;
mod secrets;
mod statements;

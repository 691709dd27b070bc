//! The Claude Code CLI: finding it, its command line, its stream, its sessions.

pub mod activity;
pub mod cli;
pub mod mcp;
pub mod prompt;
pub mod schema;
pub mod session;
pub mod stream;
pub mod transcript;

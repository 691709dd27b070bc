//! The Claude Code CLI: finding it, its command line, its stream, its sessions.

pub mod activity;
#[cfg(test)]
mod installed;
pub mod invocation;
mod lines;
pub mod locate;
pub mod mcp;
pub mod outcome;
pub mod prompt;
pub mod schema;
pub mod session;
pub mod stream;
pub mod transcript;
pub mod unfinished;
mod wire;

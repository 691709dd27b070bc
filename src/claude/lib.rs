//! The Claude Code CLI: location, command line, output stream, sessions, prompts and tools.

pub mod activity;
pub mod cli;
pub mod mcp;
pub mod prompt;
pub mod schema;
pub mod session;
pub mod stream;
pub mod transcript;

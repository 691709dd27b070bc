//! The Claude Code CLI: location and command line.

#[cfg(test)]
pub(crate) mod installed_cli;
pub mod invocation;
pub mod locate;
pub mod unfinished_write;

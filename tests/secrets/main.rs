//! Secrets: known values are put wherever any can be configured, a whole story is played with
//! commands that print them, and then they are searched for in everything that it left.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod canaries;
mod late_secrets;
mod leftovers;
mod processes;
mod script;
mod story;

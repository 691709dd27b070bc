//! Secrets: every place that can be configured gets a known value, a whole story runs with
//! commands that print them, and no value may be in anything that the story left.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod canaries;
mod late_secrets;
mod leftovers;
mod processes;
mod script;
mod story;

//! Secrets: every configurable secret gets a known value, a whole project runs with commands that
//! print them, and no file, row, git object or output may contain a value.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod canaries;
mod late_secrets;
mod leftovers;
mod processes;
mod script;
mod story;

//! Hostile repositories: whatever an agent does to its clone, no program of its choice runs outside
//! its sandbox, no foreign file is read or written, and the valid part of its work is accepted.
//!
//! Each attempt to run a program works if a user runs git in the same clone.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod attributes;
mod clone_fixture;
mod files;
mod objects;
mod programs;
mod references;

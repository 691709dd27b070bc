//! Hostile repositories: whatever an agent makes of its clone, no program of its choice runs outside of
//! its sandbox, nothing of others is read or written, and the good part of its work is taken in.
//!
//! Each attempt of running a program is shown to work where a person's git looks into the same clone.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod attributes;
mod clone_fixture;
mod files;
mod objects;
mod programs;
mod references;

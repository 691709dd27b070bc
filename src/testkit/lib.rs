//! Fixtures that the tests of several crates share.
//!
//! The default features contain what unit tests need. The feature `programs` adds the fixtures that
//! start `eklavya`, the Claude Code CLI, PostgreSQL, Redis and Docker; only the integration tests
//! and benches of the root package use it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    reason = "a fixture fails as a test does"
)]

pub mod agents;
#[cfg(feature = "programs")]
pub mod cli;
#[cfg(feature = "programs")]
pub mod host;
#[cfg(feature = "programs")]
pub mod install;
pub mod ledger;
#[cfg(feature = "programs")]
pub mod program;
#[cfg(feature = "programs")]
pub mod servers;
#[cfg(feature = "programs")]
pub mod story;
#[cfg(feature = "programs")]
pub mod upstream;

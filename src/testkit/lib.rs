//! Fixtures that the tests of several crates share.

#![expect(clippy::unwrap_used, reason = "a fixture fails as a test does")]

pub mod ledger;

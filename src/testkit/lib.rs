//! Fixtures that the tests of several crates share.

#![expect(clippy::unwrap_used, reason = "a fixture fails as a test does")]
#![expect(clippy::missing_panics_doc, reason = "a fixture fails as a test does")]

pub mod ledger;

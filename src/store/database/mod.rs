//! The two engines, where a database is, and its state.

pub mod listener;
pub mod location;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub mod status;

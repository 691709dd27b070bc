//! The two database engines, the location of a database, and its status.

pub mod listener;
pub mod location;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub mod status;

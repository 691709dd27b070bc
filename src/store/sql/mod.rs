//! Statements, parameters and rows: the access to all tables.

pub(crate) mod row;
pub(crate) mod transaction;
pub(crate) mod value;

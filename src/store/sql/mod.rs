//! Statements, values and rows: what every table is read and written with.

pub(crate) mod row;
pub(crate) mod transaction;
pub(crate) mod value;

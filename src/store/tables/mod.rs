//! One module per table: its SQL, and the conversion of its rows into entities.

pub mod agent;
pub mod cost;
pub mod log;
pub mod project;
pub mod worker;

//! Pure types and state machines: no I/O, no tokio, no database.

pub mod ids;
pub mod money;
pub mod role;

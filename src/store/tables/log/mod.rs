//! The audit trail and the event log.

pub mod audit;
pub mod events;

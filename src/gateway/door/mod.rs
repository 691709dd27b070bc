//! A door: the socket that is one agent's only way out of its sandbox. Every part of the gateway
//! serves a door, so nothing here knows those parts.

pub(crate) mod egress_policy;
pub(crate) mod error;
pub(crate) mod refusal_audit;
pub(crate) mod socket;
pub(crate) mod spec;
pub(crate) mod state;

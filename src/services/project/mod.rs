//! Projects, plans, demos, evidence and deliveries.

pub mod artifacts;
pub mod deliveries;
pub mod demos;
pub mod evidence;
pub mod plans;
pub mod projects;

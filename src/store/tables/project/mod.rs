//! Projects and what belongs to them: plans, demos, evidence, deliveries, secrets.

pub mod artifacts;
pub mod decisions;
pub mod deliveries;
pub mod demos;
pub mod evidence;
pub mod plans;
pub mod priorities;
pub mod project_status;
pub mod projects;
pub mod secrets;

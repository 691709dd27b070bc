//! Pure types and state machines: no I/O, no tokio, no database.

pub mod agent;
pub mod artifact;
pub mod audit;
pub mod checkpoint;
pub mod commit;
pub mod decision;
pub mod delivery;
pub mod demo;
pub mod diagnostics;
pub mod digest;
pub mod egress;
pub mod event;
pub mod evidence;
pub mod ids;
pub mod isolation;
pub mod job;
pub mod lease;
pub mod lease_watch;
pub mod ledger;
pub mod message;
pub mod money;
pub mod plan;
pub mod plan_document;
pub mod priority;
pub mod project;
pub mod rate;
pub mod redactor;
pub mod role;
pub mod secret;
pub mod server_url;
pub mod slug;
pub mod task;
pub mod transition;

pub use transition::InvalidTransition;

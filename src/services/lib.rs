//! Use cases that own transactions: each change of state, its event and its audit row are one.

pub mod agents;
pub mod artifacts;
pub mod audit;
pub mod bus;
pub mod capacity;
pub mod cost_report;
pub mod costs;
pub mod deliveries;
pub mod demos;
pub mod desk;
pub mod error;
pub mod evidence;
pub mod jobs;
pub mod leases;
pub mod limits;
pub mod messages;
pub mod news;
mod notices;
pub mod patience;
pub mod plans;
pub mod projects;
pub mod secrets;
pub mod spawned;
pub mod tasks;
pub mod workers;

pub use desk::{Change, Desk};
pub use error::ServiceError;

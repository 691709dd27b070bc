//! Use cases that own transactions: each change of state, its event and its audit row are one.

mod agent;
pub mod audit;
pub mod bus;
mod cost;
pub mod data_store;
mod error;
pub mod event_log;
mod project;
pub mod secrets;
mod worker;

pub use agent::{agents, messages, spawned_tasks, tasks};
pub use cost::{cost_report, costs};
pub use data_store::{DataStore, Transaction};
pub use error::ServiceError;
pub use project::{artifacts, deliveries, demos, evidence, plans, projects};
pub use worker::{capacity, jobs, leases, shared_limits, workers};

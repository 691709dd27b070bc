//! Entities, state machines, money and the redactor; the clock, processes and exit codes.
//!
//! The entities are pure: no I/O, no tokio, no database. Only [`process`] starts programs, and only
//! [`clock`] reads the time.

pub mod agent;
pub mod audit;
pub mod backoff;
pub mod clock;
pub mod demo;
pub mod digest;
pub mod egress;
pub mod event;
pub mod exit_code;
pub mod failure_kind;
pub mod hex;
pub mod ids;
pub mod job;
pub mod lease;
pub mod ledger;
pub mod money;
pub mod plan;
pub mod process;
pub mod project;
pub mod redactor;
pub mod secret;
pub mod state;
pub mod task;

pub use state::InvalidTransition;

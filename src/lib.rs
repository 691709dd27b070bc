//! The orchestration core of Eklavya: everything that the `eklavya` binary does, without the printing.
//!
//! The modules import one another in one direction only; `ARCHITECTURE.md` draws it and
//! `tests/architecture.rs` holds it.

pub mod browser;
pub mod bus;
pub mod claude;
pub mod clock;
pub mod config;
pub mod domain;
pub mod exit_code;
pub mod gateway;
pub mod mcp;
pub mod process;
pub mod proxy;
pub mod sandbox;
pub mod services;
pub mod store;
pub mod vcs;
pub mod workflow;

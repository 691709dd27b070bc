//! The stages from a brief to a delivered repository.
//!
//! Every step is written down before it is acted upon; what is to be done next follows from the
//! database alone, so running a stage again goes on where it stopped.

pub mod agent;
pub mod capacity;
pub mod context;
pub mod jobs;
pub mod lease;
pub mod preview;
pub mod selftest;
pub mod stages;
pub mod task;
mod tools;
pub mod workspace;

pub use crate::context::error::EngineError;
pub use crate::context::paths::{DataDirectoryPaths, ProjectPaths};
pub use crate::context::project_run::{ObservedLease, OnLeased, ProjectRun, ProjectRunSpec};
pub use crate::context::site::{Site, SiteSpec};
pub use crate::context::stop::{StopReason, StopRequest};
pub use crate::lease::hold::with_lease;

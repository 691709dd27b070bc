//! The stages from a brief to a delivered repository, and the agents that work on them.
//!
//! Every step is recorded in the database before it is acted upon, and the next step follows from the
//! database alone. Running a stage again therefore resumes where it stopped.

pub mod agent;
pub mod capacity;
pub mod context;
pub mod jobs;
mod lease;
pub mod preview;
pub mod selftest;
pub mod stages;
mod task;
mod tools;
pub mod workspace;

pub use crate::context::error::EngineError;
pub use crate::context::paths::DataDirectoryPaths;
pub use crate::context::project_run::{OnLeased, ProjectRun};
pub use crate::context::site::Site;
pub use crate::context::stop::{StopReason, StopRequest};

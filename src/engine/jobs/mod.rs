//! Runs and background work: the factory that starts runs, the worker loop, and its events.

mod events;
mod isolation;
mod run_factory;
mod runner;
mod worker_loop;

pub use events::{JobOutcome, WorkerEvent};
pub use isolation::open_isolation;
pub use run_factory::{RunFactory, RunFactorySpec, RunOptions, RunStartError};
pub use runner::run_goal;
pub use worker_loop::{WorkerLoopSpec, WorkerShutdown, run_worker_loop};

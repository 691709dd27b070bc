//! Stages that fail at first: planning, demos, the build and the verification.

mod building;
mod demos;
mod planning;
mod verification;

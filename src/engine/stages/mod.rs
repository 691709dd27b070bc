//! The stages of a project; each resumes where it stopped.

pub(crate) mod build;
pub(crate) mod deliver;
pub mod delivery;
pub mod demo;
pub(crate) mod plan;
pub(crate) mod verify;

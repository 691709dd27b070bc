//! The stages of a project; each resumes where it stopped.

pub mod build;
pub mod deliver;
pub mod delivery;
pub mod demo;
pub mod plan;
pub mod verify;

//! The parts of a delivery: dossier, pictures, export, and the check for leaked secrets.

pub(crate) mod dossier;
pub mod export;
pub(crate) mod leaks;
pub(crate) mod screenshots;

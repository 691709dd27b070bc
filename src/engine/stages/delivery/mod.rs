//! What a delivery consists of.

pub mod dossier;
pub mod export;
pub(crate) mod leaks;
pub(crate) mod screenshots;

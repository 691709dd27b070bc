//! Bundles: history that is imported or exported as a file.

pub(crate) mod bundle_file;
pub(crate) mod export;
pub(crate) mod import;
#[cfg(test)]
pub(crate) mod import_tests;

//! History that comes in and goes out as a bundle.

pub(crate) mod bundle_file;
pub(crate) mod export;
pub(crate) mod import;
#[cfg(test)]
pub(crate) mod import_tests;

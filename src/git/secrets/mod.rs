//! Keeping secrets out of commits and deliveries.

pub(crate) mod leaks;
pub(crate) mod secret_scan;
#[cfg(test)]
pub(crate) mod secret_scan_tests;

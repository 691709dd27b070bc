//! Files of an untrusted work tree: reads, selects and writes them without following links.

pub(crate) mod checkout;
pub(crate) mod clone;
pub(crate) mod file_selection;
pub(crate) mod gitignore;
#[cfg(test)]
pub(crate) mod planted_program_tests;
pub(crate) mod snapshot;
#[cfg(test)]
pub(crate) mod snapshot_tests;
pub(crate) mod untracked;
pub(crate) mod untrusted_tree;

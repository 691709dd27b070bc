//! Files of an untrusted work tree: reading, selecting and writing them without following a link.

pub(crate) mod checkout;
pub(crate) mod clone;
pub(crate) mod file_selection;
pub(crate) mod gitignore;
pub(crate) mod snapshot;
#[cfg(test)]
pub(crate) mod snapshot_tests;
pub(crate) mod untracked;
pub(crate) mod untrusted_tree;

//! Clones, commands on a commit, merges, and cleaning up.

pub(crate) mod checks;
pub(crate) mod clone;
pub(crate) mod collect;
pub(crate) mod command;
pub(crate) mod merge;
mod own_commits;
pub mod throwaway;
pub(crate) mod tidy;

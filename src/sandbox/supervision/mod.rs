//! Watching and ending a tree of processes.

pub(crate) mod process_tree;
pub(crate) mod supervise;

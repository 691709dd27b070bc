//! Watching and ending process trees.

pub(crate) mod container_process;
pub(crate) mod pid_file;
pub(crate) mod process_tree;
pub(crate) mod supervise;

//! Running programs in sandboxes: children, their output, their limits and their resource usage.

pub(crate) mod child;
pub(crate) mod command;
pub(crate) mod disk_usage;
pub(crate) mod head_tail_buffer;
pub(crate) mod memory_usage;
pub(crate) mod orphan;
pub(crate) mod probe;
pub(crate) mod sandbox;
pub(crate) mod spawner;

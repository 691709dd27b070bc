//! Running programs in sandboxes: children, their output, their limits and their use of the machine.

pub(crate) mod child;
pub(crate) mod command;
pub(crate) mod disk_usage;
pub(crate) mod head_tail_buffer;
pub(crate) mod memory_usage;
pub(crate) mod orphan;
pub(crate) mod probe;
pub(crate) mod spawner;

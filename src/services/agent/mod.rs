//! Agents, their tasks and messages.

pub mod agents;
pub mod messages;
pub mod spawned_tasks;
pub mod tasks;

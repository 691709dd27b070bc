//! Agents, their tasks, checkpoints and messages.

pub mod agents;
pub mod checkpoints;
pub mod messages;
pub mod tasks;

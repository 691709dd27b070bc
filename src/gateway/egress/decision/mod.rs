//! Whether an agent may reach a target, and at which addresses.

pub(crate) mod authorize;
pub(crate) mod config;
pub(crate) mod denial;
mod hosts_file;
pub(crate) mod resolver;

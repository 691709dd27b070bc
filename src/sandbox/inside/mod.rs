//! What runs inside the sandbox, between the kernel and the agent. It depends on as little as possible.

pub(crate) mod confinement;
pub mod container;
pub(crate) mod forward;
pub mod init;
pub(crate) mod landlock_rules;
pub(crate) mod proxy_environment;
pub(crate) mod resource_limits;
pub(crate) mod seccomp;

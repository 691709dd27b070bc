//! The part of `sandbox-init` that runs only in a container.

pub(crate) mod container_init;
pub(crate) mod container_link;
pub(crate) mod mount_check;

//! The part that only runs inside a container.

pub(crate) mod container_init;
pub(crate) mod container_link;
pub(crate) mod mount_check;

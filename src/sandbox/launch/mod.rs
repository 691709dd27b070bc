//! Starting a sandbox with bubblewrap.

pub(crate) mod bubblewrap;
pub mod enter;
pub(crate) mod host_programs;
pub(crate) mod inherited_fds;
pub(crate) mod libraries;
pub mod relay;

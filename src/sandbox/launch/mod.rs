//! How a sandbox starts under bubblewrap.

pub(crate) mod bubblewrap;
pub mod enter;
pub(crate) mod inherited_fds;
pub(crate) mod libraries;
pub mod relay;

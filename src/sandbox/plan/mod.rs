//! What a sandbox contains and restricts, planned from its specification for every isolation backend.

pub(crate) mod init_config;
pub(crate) mod landlock;
pub(crate) mod mounts;

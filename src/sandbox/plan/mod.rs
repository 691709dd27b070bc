//! What a sandbox sees of the host, planned once for every isolation backend.

pub(crate) mod mounts;

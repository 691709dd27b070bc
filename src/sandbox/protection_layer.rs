//! The names of the guards, so that tests can leave one out and see what it is good for.

/// A guard of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectionLayer {
    /// What the role may not write is mounted read-only, `.git` on its own, and the root file
    /// system, `/dev` and the settings of the kernel are read-only.
    Mounts,
    /// Landlock, the second layer over the mounts.
    Landlock,
    /// The filter of system calls.
    Seccomp,
    /// bubblewrap's lock on new user namespaces.
    UserNamespaces,
    /// What is mounted in a container is compared with what was looked at outside.
    Inodes,
    /// The sizes of temporary file systems, and the limits of resources.
    Limits,
}

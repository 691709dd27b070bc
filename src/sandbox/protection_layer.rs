//! The protection layers of a sandbox, so that tests can leave one out and show what it is for.

/// A protection layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectionLayer {
    /// Read-only mounts: of what the role may not write, of `.git`, of the root file system, of
    /// `/dev`, and of kernel settings.
    Mounts,
    /// Landlock, the second layer behind the mounts.
    Landlock,
    /// The filter of system calls.
    Seccomp,
    /// bubblewrap's ban on new user namespaces.
    UserNamespaces,
    /// The check inside a container that the mounted directories are the ones that were opened
    /// outside.
    Inodes,
    /// The sizes of temporary file systems, and resource limits.
    Limits,
}

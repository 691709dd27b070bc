//! The unprivileged user that the processes of a sandbox run as.

use crate::error::SandboxError;

/// The user that root switches to before it starts a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxUser {
    /// User id, never 0.
    pub uid: u32,
    /// Group id, never 0.
    pub gid: u32,
}

/// Whether this process is root, and therefore has to switch to another user.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Returns the effective user and group of this process.
pub(crate) fn current_user() -> SandboxUser {
    SandboxUser {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
    }
}

/// Returns the user to switch to; `None` if this process is not root.
///
/// # Errors
/// This process is root, and `user` is missing or has an id of 0.
pub(crate) fn resolve_user(user: Option<SandboxUser>) -> Result<Option<SandboxUser>, SandboxError> {
    if !is_root() {
        return Ok(None);
    }
    match user {
        Some(user) if user.uid != 0 && user.gid != 0 => Ok(Some(user)),
        _ => Err(SandboxError::RootWithoutUser),
    }
}

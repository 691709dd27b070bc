//! The directories of one agent's workspace on the host, and handing them to the agent's user.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags};

use super::error::SandboxError;
use super::open;
use super::spec::User;

/// The directories of one agent conversation, all below one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// The clone of the project's repository.
    pub clone: PathBuf,
    /// HOME.
    pub home: PathBuf,
    /// TMPDIR.
    pub tmp: PathBuf,
    /// The directory of the sockets.
    pub door: PathBuf,
}

impl Dirs {
    /// Returns the directories below `root`, without making them.
    pub fn at(root: &Path) -> Self {
        Self {
            clone: root.join("clone"),
            home: root.join("home"),
            tmp: root.join("tmp"),
            door: root.join("door"),
        }
    }

    /// Makes what is missing, each readable by nobody but `user` (or the caller where there is
    /// none).
    ///
    /// Only the directories themselves change hands; see [`hand_over`] for what is in the clone.
    pub fn prepare(&self, user: Option<User>) -> Result<(), SandboxError> {
        for path in [&self.clone, &self.home, &self.tmp, &self.door] {
            let failed = |source| SandboxError::Open {
                path: path.clone(),
                source,
            };
            fs::create_dir_all(path).map_err(failed)?;
            let opened = open::directory(path)?;
            // A descriptor opened with O_PATH takes no chmod; the parent directory is the caller's
            // own.
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
            if let Some(user) = user {
                open::give(&opened, user).map_err(|errno| open::refusal(path, errno))?;
            }
        }
        Ok(())
    }
}

/// Makes `user` the owner of a socket of the door, so that the agent may connect to it.
pub fn share_socket(socket: &Path, user: Option<User>) -> Result<(), SandboxError> {
    let Some(user) = user else { return Ok(()) };
    let opened = rustix::fs::open(
        socket,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    );
    opened
        .and_then(|opened| open::give(opened, user))
        .map_err(|errno| open::refusal(socket, errno))
}

/// Makes `user` the owner of everything below `root`, without following links.
///
/// Refuses a file that has a second name (a clone that shares objects with its origin by hard
/// links), since that name may be outside of `root`.
pub fn hand_over(root: &Path, user: User) -> Result<(), SandboxError> {
    let opened = rustix::fs::open(
        root,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let opened = opened.map_err(|errno| open::refusal(root, errno))?;
    hand_over_dir(&opened, root, user)
}

fn hand_over_dir(dir: &OwnedFd, shown: &Path, user: User) -> Result<(), SandboxError> {
    let refused = |errno| open::refusal(shown, errno);
    for entry in Dir::read_from(dir).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        hand_over_entry(dir, name, shown, user)?;
    }
    open::give(dir, user).map_err(refused)
}

fn hand_over_entry(
    dir: &OwnedFd,
    name: &std::ffi::CStr,
    shown: &Path,
    user: User,
) -> Result<(), SandboxError> {
    use std::os::unix::ffi::OsStrExt;
    let path = shown.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let refused = |errno| open::refusal(&path, errno);
    let handle = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let entry = rustix::fs::openat(dir, name, handle, Mode::empty()).map_err(refused)?;
    let stat = rustix::fs::fstat(&entry).map_err(refused)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let below = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(refused)?;
        return hand_over_dir(&below, &path, user);
    }
    if stat.st_nlink > 1 {
        return Err(SandboxError::HardLinked { path });
    }
    open::give(entry.as_fd(), user).map_err(refused)
}

/// Whether this process is root, so that it hands over to another user.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Returns the user whose id is the caller's own.
pub(super) fn myself() -> User {
    User {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
    }
}

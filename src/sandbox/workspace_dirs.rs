//! The directories of an agent's workspace on the host, and giving them to the agent's user.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags};

use crate::error::SandboxError;
use crate::open_beneath;
use crate::user::SandboxUser;

/// The directories of one agent conversation, all below one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceDirs {
    /// The clone of the project's repository.
    pub clone: PathBuf,
    pub home: PathBuf,
    pub tmp: PathBuf,
    /// The directory of the sockets.
    pub door: PathBuf,
}

impl WorkspaceDirs {
    /// Returns the directories below `root` without creating them.
    pub fn below(root: &Path) -> Self {
        Self {
            clone: root.join("clone"),
            home: root.join("home"),
            tmp: root.join("tmp"),
            door: root.join("door"),
        }
    }

    /// Creates the missing directories. Each is accessible to `user` only, or to the caller if no
    /// user is given.
    ///
    /// Only the directories themselves change their owner; [`chown_tree`] changes the owner of the
    /// files in the clone.
    pub fn create(&self, user: Option<SandboxUser>) -> Result<(), SandboxError> {
        for path in [&self.clone, &self.home, &self.tmp, &self.door] {
            let failed = |source| SandboxError::Open {
                path: path.clone(),
                source,
            };
            fs::create_dir_all(path).map_err(failed)?;
            let opened = open_beneath::open_directory(path)?;
            // A descriptor opened with O_PATH does not support chmod; the parent directory belongs to
            // the caller.
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
            if let Some(user) = user {
                open_beneath::chown_fd(&opened, user)
                    .map_err(|errno| open_beneath::open_error(path, errno))?;
            }
        }
        Ok(())
    }
}

/// Makes `user` the owner of a socket of the door, so that the agent may connect to it.
pub fn chown_socket(socket: &Path, user: Option<SandboxUser>) -> Result<(), SandboxError> {
    let Some(user) = user else { return Ok(()) };
    let opened = rustix::fs::open(
        socket,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    );
    opened
        .and_then(|opened| open_beneath::chown_fd(opened, user))
        .map_err(|errno| open_beneath::open_error(socket, errno))
}

/// Makes `user` the owner of everything below `root`, without following links.
///
/// Refuses a file that has a second name, as in a clone that shares objects with its origin by hard
/// links: that name may be outside of `root`.
pub fn chown_tree(root: &Path, user: SandboxUser) -> Result<(), SandboxError> {
    let opened = rustix::fs::open(
        root,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let opened = opened.map_err(|errno| open_beneath::open_error(root, errno))?;
    chown_dir(&opened, root, user)
}

fn chown_dir(dir: &OwnedFd, shown: &Path, user: SandboxUser) -> Result<(), SandboxError> {
    let refused = |errno| open_beneath::open_error(shown, errno);
    for entry in Dir::read_from(dir).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        chown_entry(dir, name, shown, user)?;
    }
    open_beneath::chown_fd(dir, user).map_err(refused)
}

fn chown_entry(
    dir: &OwnedFd,
    name: &std::ffi::CStr,
    shown: &Path,
    user: SandboxUser,
) -> Result<(), SandboxError> {
    use std::os::unix::ffi::OsStrExt;
    let path = shown.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let refused = |errno| open_beneath::open_error(&path, errno);
    let handle = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let entry = rustix::fs::openat(dir, name, handle, Mode::empty()).map_err(refused)?;
    let stat = rustix::fs::fstat(&entry).map_err(refused)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let below = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(refused)?;
        return chown_dir(&below, &path, user);
    }
    if stat.st_nlink > 1 {
        return Err(SandboxError::HardLinked { path });
    }
    open_beneath::chown_fd(entry.as_fd(), user).map_err(refused)
}

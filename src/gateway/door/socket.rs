//! The unix socket of a door.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use tokio::net::UnixListener;

/// The file name of the socket.
pub const SOCKET_NAME: &str = "gateway.sock";

/// Listens on [`SOCKET_NAME`] in `dir`, which is created if it does not exist. A socket that an
/// earlier process left is replaced.
///
/// With an `owner`, only that user can use the socket; the directory remains ours, so that the
/// agent can neither replace the socket nor add files beside it.
pub(crate) fn bind_socket(dir: &Path, owner: Option<(u32, u32)>) -> io::Result<UnixListener> {
    let search_only = if owner.is_some() { 0o711 } else { 0o700 };
    DirBuilder::new()
        .recursive(true)
        .mode(search_only)
        .create(dir)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(dir, flags, Mode::empty())?;
    std::fs::set_permissions(proc_fd_path(&handle), Permissions::from_mode(search_only))?;
    remove_socket(&handle)?;
    // The kernel accepts at most 107 bytes for a socket's path; the path through /proc is always
    // short.
    let listener = UnixListener::bind(proc_fd_path(&handle).join(SOCKET_NAME))?;
    rustix::fs::chmodat(
        &handle,
        SOCKET_NAME,
        Mode::RUSR | Mode::WUSR,
        AtFlags::empty(),
    )?;
    if let Some((uid, gid)) = owner {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(&handle, SOCKET_NAME, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(listener)
}

/// Removes a socket that [`bind_socket`] created, unless another one has replaced it.
pub(crate) fn unlink_socket(dir: &Path, made: Option<SocketIdentity>) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = match rustix::fs::open(dir, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    if made.is_some() && SocketIdentity::at_handle(&handle) == made {
        remove_socket(&handle)?;
    }
    Ok(())
}

/// Distinguishes a socket from another one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketIdentity {
    device: u64,
    inode: u64,
}

impl SocketIdentity {
    /// Returns the socket in `dir`, if it exists.
    pub fn in_dir(dir: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Self::at_handle(&rustix::fs::open(dir, flags, Mode::empty()).ok()?)
    }

    fn at_handle(dir: &OwnedFd) -> Option<Self> {
        let stat = rustix::fs::statat(dir, SOCKET_NAME, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }
}

fn proc_fd_path(handle: &OwnedFd) -> std::path::PathBuf {
    Path::new("/proc/self/fd").join(handle.as_raw_fd().to_string())
}

fn remove_socket(dir: &OwnedFd) -> io::Result<()> {
    match rustix::fs::unlinkat(dir, SOCKET_NAME, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_binds_at_a_long_path_and_over_a_stale_socket() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("d".repeat(120));
        for _ in 0..2 {
            let listener = bind_socket(&dir, None).unwrap();
            let mode = std::fs::metadata(dir.join(SOCKET_NAME))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            drop(listener);
        }
    }

    #[tokio::test]
    async fn a_closing_door_removes_only_its_own_socket() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("door");
        let _old = bind_socket(&dir, None).unwrap();
        let old = SocketIdentity::in_dir(&dir);
        let _new = bind_socket(&dir, None).unwrap();
        let new = SocketIdentity::in_dir(&dir);
        unlink_socket(&dir, old).unwrap();
        assert!(dir.join(SOCKET_NAME).exists());
        unlink_socket(&dir, new).unwrap();
        assert!(!dir.join(SOCKET_NAME).exists());
        unlink_socket(&root.path().join("nowhere"), new).unwrap();
    }

    #[tokio::test]
    async fn a_link_in_place_of_the_directory_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("door")).unwrap();
        assert!(bind_socket(&root.path().join("door"), None).is_err());
    }

    /// Only root can change the owner of a socket.
    #[tokio::test]
    async fn an_owner_gets_the_socket_but_not_the_directory() {
        use std::os::unix::fs::MetadataExt;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("door");
        let _listener = bind_socket(&dir, Some((12_345, 12_346))).unwrap();
        let socket = std::fs::metadata(dir.join(SOCKET_NAME)).unwrap();
        assert_eq!(
            (socket.uid(), socket.gid(), socket.mode() & 0o777),
            (12_345, 12_346, 0o600)
        );
        let dir = std::fs::metadata(&dir).unwrap();
        assert_eq!((dir.uid(), dir.mode() & 0o777), (0, 0o711));
    }
}

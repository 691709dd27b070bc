//! Opening the host's files for a sandbox as descriptors, so that the file that was checked is the one
//! that is mounted.
//!
//! An agent may have replaced a directory of its clone by a symbolic link. A mount by path would follow
//! the link and give the agent access to its target; these functions do not follow links.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::SandboxError;
use crate::user::SandboxUser;

const HANDLE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);
const INSIDE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Opens a directory that the caller trusts; only its last component must not be a link.
pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd, SandboxError> {
    rustix::fs::open(path, HANDLE | OFlags::DIRECTORY, Mode::empty())
        .map_err(|errno| open_error(path, errno))
}

/// Opens a program or directory that belongs to the host, following links.
pub(crate) fn open_trusted(path: &Path) -> Result<OwnedFd, SandboxError> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| open_error(path, errno))
}

/// Opens `relative` below `base` without following any link; `None` if it does not exist.
///
/// `shown` is the path of `base` for messages.
pub(crate) fn open_beneath(
    base: impl AsFd,
    shown: &Path,
    relative: &Path,
) -> Result<Option<OwnedFd>, SandboxError> {
    // Without NOFOLLOW: together with PATH, it opens a link itself instead of refusing it.
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(base, relative, flags, Mode::empty(), INSIDE) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(open_error(&shown.join(relative), errno)),
    }
}

/// Opens the directory `relative` below `base` without following any link. Creates it if it is missing
/// (mode 0755, owned by `owner`).
pub(crate) fn create_beneath(
    base: impl AsFd,
    shown: &Path,
    relative: &Path,
    owner: Option<SandboxUser>,
) -> Result<OwnedFd, SandboxError> {
    let flags = HANDLE | OFlags::DIRECTORY;
    let mut current: Option<OwnedFd> = None;
    let mut walked = shown.to_owned();
    for part in relative.components() {
        let part = Path::new(part.as_os_str());
        walked.push(part);
        let parent = current.as_ref().map_or_else(|| base.as_fd(), AsFd::as_fd);
        match rustix::fs::mkdirat(parent, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(open_error(&walked, errno)),
        }
        let opened = rustix::fs::openat2(parent, part, flags, Mode::empty(), INSIDE)
            .map_err(|errno| open_error(&walked, errno))?;
        if let Some(user) = owner {
            chown_if_own(&opened, user).map_err(|errno| open_error(&walked, errno))?;
        }
        current = Some(opened);
    }
    current.ok_or_else(|| open_error(&walked, Errno::INVAL))
}

/// Makes `user` the owner of a directory that belongs to the user of this process: it was created just
/// now, or by a process that was killed before it could change the owner.
fn chown_if_own(directory: &OwnedFd, user: SandboxUser) -> Result<(), Errno> {
    let owner = rustix::fs::fstat(directory)?.st_uid;
    if owner == rustix::process::geteuid().as_raw() {
        chown_fd(directory, user)?;
    }
    Ok(())
}

/// Makes `user` the owner of the file that `fd` refers to.
pub(crate) fn chown_fd(fd: impl AsFd, user: SandboxUser) -> Result<(), Errno> {
    rustix::fs::chownat(
        fd,
        "",
        Some(rustix::fs::Uid::from_raw(user.uid)),
        Some(rustix::fs::Gid::from_raw(user.gid)),
        rustix::fs::AtFlags::EMPTY_PATH,
    )
}

/// Returns the error of opening `path`.
pub(crate) fn open_error(path: &Path, errno: Errno) -> SandboxError {
    let path = path.to_owned();
    match errno {
        Errno::LOOP => SandboxError::Link { path },
        // With O_DIRECTORY and O_NOFOLLOW, the kernel reports a link as "not a directory" too.
        Errno::NOTDIR if path.is_symlink() => SandboxError::Link { path },
        Errno::NOTDIR => SandboxError::NotADirectory { path },
        errno => SandboxError::Open {
            path,
            source: io::Error::from(errno),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn project() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        let fd = open_directory(dir.path()).unwrap();
        (dir, fd)
    }

    #[test]
    fn a_missing_directory_is_created() {
        let (dir, fd) = project();
        create_beneath(&fd, dir.path(), Path::new("docs/a"), None).unwrap();
        assert!(dir.path().join("docs/a").is_dir());
    }

    #[test]
    fn a_directory_without_an_owner_gets_one_later_and_keeps_it() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (dir, fd) = project();
        let (uid, gid) = (54_321, 54_321);
        create_beneath(&fd, dir.path(), Path::new("docs"), None).unwrap();
        create_beneath(
            &fd,
            dir.path(),
            Path::new("docs"),
            Some(SandboxUser { uid, gid }),
        )
        .unwrap();
        let owner = || fs::metadata(dir.path().join("docs")).unwrap().uid();
        assert_eq!(owner(), uid);
        let other = SandboxUser { uid: 54_322, gid };
        create_beneath(&fd, dir.path(), Path::new("docs"), Some(other)).unwrap();
        assert_eq!(owner(), uid);
    }

    #[test]
    fn links_are_refused_wherever_they_point() {
        let (dir, fd) = project();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        for (name, target) in [
            ("docs", elsewhere.path()),
            ("inner", Path::new("real")),
            ("dangling", Path::new("/nonexistent")),
        ] {
            symlink(target, dir.path().join(name)).unwrap();
            for path in [name.to_owned(), format!("{name}/below")] {
                let result = create_beneath(&fd, dir.path(), Path::new(&path), None);
                assert!(
                    matches!(result, Err(SandboxError::Link { .. })),
                    "{path}: {result:?}"
                );
            }
            let result = open_beneath(&fd, dir.path(), Path::new(name));
            assert!(
                matches!(result, Err(SandboxError::Link { .. })),
                "{name}: {result:?}"
            );
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_cannot_leave_the_directory() {
        let (dir, fd) = project();
        assert!(create_beneath(&fd, dir.path(), Path::new("../out"), None).is_err());
        assert!(open_beneath(&fd, dir.path(), Path::new("..")).is_err());
    }

    #[test]
    fn a_file_in_place_of_a_directory_is_an_error_with_its_path() {
        let (dir, fd) = project();
        fs::write(dir.path().join("docs"), "").unwrap();
        let error = create_beneath(&fd, dir.path(), Path::new("docs"), None).unwrap_err();
        assert!(matches!(&error, SandboxError::NotADirectory { path } if path.ends_with("docs")));
    }
}

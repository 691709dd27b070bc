//! Checking, inside, that the mounted directories are the ones that were opened outside.
//!
//! The engine mounts by path, some time after the paths were checked. A process that replaces a
//! directory by a link in between could have another directory mounted. So the device and inode that
//! were opened outside, without following links, are passed to the container, and nothing is started
//! in it if one of them differs.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, StatVfsMountFlags};

/// The magic number of tmpfs, see statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// What must be mounted at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedMount {
    /// The path in the container.
    pub path: PathBuf,
    /// `path` or a directory above it: no component of `path` below it may be a link.
    pub base: PathBuf,
    pub source: ExpectedSource,
}

/// The file system that must be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedSource {
    /// This file or directory of the host.
    Mounted {
        device: u64,
        inode: u64,
        writable: bool,
    },
    /// An empty read-only file system.
    Hidden,
}

impl ExpectedMount {
    /// Returns its five words.
    pub(crate) fn to_words(&self) -> [OsString; 5] {
        let (kind, device, inode) = match self.source {
            ExpectedSource::Mounted {
                device,
                inode,
                writable,
            } => (if writable { "rw" } else { "ro" }, device, inode),
            ExpectedSource::Hidden => ("hidden", 0, 0),
        };
        [
            kind.into(),
            device.to_string().into(),
            inode.to_string().into(),
            self.base.clone().into(),
            self.path.clone().into(),
        ]
    }

    /// Parses five words.
    pub(crate) fn parse(words: &[OsString]) -> Option<Self> {
        let [kind, device, inode, base, path] = words else {
            return None;
        };
        let number = |text: &OsString| text.to_str()?.parse().ok();
        let mounted = |writable| {
            Some(ExpectedSource::Mounted {
                device: number(device)?,
                inode: number(inode)?,
                writable,
            })
        };
        let source = match kind.to_str()? {
            "rw" => mounted(true)?,
            "ro" => mounted(false)?,
            "hidden" => ExpectedSource::Hidden,
            _ => return None,
        };
        Some(Self {
            path: path.into(),
            base: base.into(),
            source,
        })
    }

    /// Checks that it is mounted.
    ///
    /// # Errors
    /// Something else is mounted, or the path cannot be inspected.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let path = self.path.display();
        let failed = |errno: rustix::io::Errno| format!("cannot inspect {path}: {errno}");
        let opened = self.open().map_err(failed)?;
        if self.matches(&opened).map_err(failed)? {
            return Ok(());
        }
        Err(format!(
            "{path} is not the file or directory that was checked outside; nothing was started"
        ))
    }

    fn matches(&self, opened: &OwnedFd) -> rustix::io::Result<bool> {
        let flags = rustix::fs::fstatvfs(opened)?.f_flag;
        let read_only = flags.contains(StatVfsMountFlags::RDONLY);
        match self.source {
            ExpectedSource::Mounted {
                device,
                inode,
                writable,
            } => {
                let stat = rustix::fs::fstat(opened)?;
                Ok((stat.st_dev, stat.st_ino) == (device, inode) && read_only != writable)
            }
            ExpectedSource::Hidden => {
                let kind = rustix::fs::fstatfs(opened)?.f_type;
                Ok(kind == TMPFS && read_only)
            }
        }
    }

    fn open(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let base = rustix::fs::open(&self.base, flags, Mode::empty())?;
        match self.path.strip_prefix(&self.base) {
            Ok(below) if below != Path::new("") => {
                let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                rustix::fs::openat2(&base, below, flags, Mode::empty(), inside)
            }
            Ok(_) | Err(_) => Ok(base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn expected(root: &Path, name: &str, writable: bool) -> ExpectedMount {
        let path = root.join(name);
        let stat = rustix::fs::stat(&path).unwrap();
        ExpectedMount {
            path,
            base: root.to_owned(),
            source: ExpectedSource::Mounted {
                device: stat.st_dev,
                inode: stat.st_ino,
                writable,
            },
        }
    }

    #[test]
    fn an_expected_mount_parses_from_its_own_words() {
        let root = tempfile::tempdir().unwrap();
        let mounted = expected(root.path(), "", true);
        let hidden = ExpectedMount {
            source: ExpectedSource::Hidden,
            ..mounted.clone()
        };
        for one in [mounted, hidden] {
            assert_eq!(ExpectedMount::parse(&one.to_words()), Some(one));
        }
        let wrong = ["rx", "1", "2", "/a", "/a"].map(OsString::from);
        assert_eq!(ExpectedMount::parse(&wrong), None);
    }

    #[test]
    fn another_directory_or_a_link_in_place_of_the_mount_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        for name in ["docs", "other"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let docs = expected(root.path(), "docs", true);
        docs.verify().unwrap();
        fs::rename(root.path().join("docs"), root.path().join("gone")).unwrap();
        symlink("gone", root.path().join("docs")).unwrap();
        assert!(docs.verify().is_err());
        fs::remove_file(root.path().join("docs")).unwrap();
        fs::rename(root.path().join("other"), root.path().join("docs")).unwrap();
        let error = docs.verify().unwrap_err();
        assert!(error.contains("that was checked outside"), "{error}");
    }

    #[test]
    fn a_writable_mount_is_an_error_if_it_should_be_read_only_or_hidden() {
        let root = tempfile::tempdir().unwrap();
        let read_only = expected(root.path(), "", false);
        assert!(read_only.verify().is_err());
        let hidden = ExpectedMount {
            source: ExpectedSource::Hidden,
            ..read_only
        };
        assert!(hidden.verify().is_err());
    }
}

//! Making sure, inside, that what is mounted is what was looked at outside.
//!
//! The engine mounts by path, some time after the paths were checked. Whoever could replace a
//! directory by a link in between would have something else mounted. So each directory goes along
//! as the device and inode that were opened outside without following links, and nothing is started
//! in a container where one differs.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, StatVfsMountFlags};

use crate::error::SandboxError;
use crate::open_beneath;

/// The magic number of tmpfs, see statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// What must be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedMount {
    /// The path in the container.
    pub path: PathBuf,
    /// The directory, given by a path above it, below which no link may stand in the way.
    pub base: PathBuf,
    /// What is there.
    pub source: ExpectedSource,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedSource {
    /// This file or directory of the host's.
    Mounted {
        device: u64,
        inode: u64,
        writable: bool,
    },
    /// An empty file system that cannot be written.
    Hidden,
}

impl ExpectedMount {
    /// Returns that `fd` is mounted at `path`.
    pub(crate) fn for_mount(
        fd: &OwnedFd,
        path: &Path,
        base: &Path,
        writable: bool,
    ) -> Result<Self, SandboxError> {
        let stat = rustix::fs::fstat(fd).map_err(|errno| open_beneath::open_error(path, errno))?;
        Ok(Self {
            path: path.to_owned(),
            base: base.to_owned(),
            source: ExpectedSource::Mounted {
                device: stat.st_dev,
                inode: stat.st_ino,
                writable,
            },
        })
    }

    /// Returns the five words for it.
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

    /// Reads five words.
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
        let what = match kind.to_str()? {
            "rw" => mounted(true)?,
            "ro" => mounted(false)?,
            "hidden" => ExpectedSource::Hidden,
            _ => return None,
        };
        Some(Self {
            path: path.into(),
            base: base.into(),
            source: what,
        })
    }

    /// Looks whether it is so.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let path = self.path.display();
        let failed = |errno: rustix::io::Errno| format!("cannot look at {path}: {errno}");
        let opened = self.open().map_err(failed)?;
        let flags = rustix::fs::fstatvfs(&opened).map_err(failed)?.f_flag;
        let read_only = flags.contains(StatVfsMountFlags::RDONLY);
        let holds = match self.source {
            ExpectedSource::Mounted {
                device,
                inode,
                writable,
            } => {
                let stat = rustix::fs::fstat(&opened).map_err(failed)?;
                (stat.st_dev, stat.st_ino) == (device, inode) && read_only != writable
            }
            ExpectedSource::Hidden => {
                let kind = rustix::fs::fstatfs(&opened).map_err(failed)?.f_type;
                kind == TMPFS && read_only
            }
        };
        if holds {
            return Ok(());
        }
        Err(format!(
            "{path} is not what it was when the container was made; nothing was started"
        ))
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

    fn expected(root: &Path, name: &str) -> ExpectedMount {
        let path = root.join(name);
        let fd = open_beneath::open_directory(&path).unwrap();
        ExpectedMount::for_mount(&fd, &path, root, true).unwrap()
    }

    #[test]
    fn words_are_read_back() {
        let root = tempfile::tempdir().unwrap();
        let mounted = expected(root.path(), "");
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
    fn another_directory_or_a_link_in_its_place_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        for name in ["docs", "other"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let docs = expected(root.path(), "docs");
        docs.verify().unwrap();
        fs::rename(root.path().join("docs"), root.path().join("gone")).unwrap();
        symlink("gone", root.path().join("docs")).unwrap();
        assert!(docs.verify().is_err());
        fs::remove_file(root.path().join("docs")).unwrap();
        fs::rename(root.path().join("other"), root.path().join("docs")).unwrap();
        let said = docs.verify().unwrap_err();
        assert!(said.contains("is not what it was"), "{said}");
    }

    #[test]
    fn what_should_be_read_only_and_is_not_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        let fd = open_beneath::open_directory(path).unwrap();
        let read_only = ExpectedMount::for_mount(&fd, path, path, false).unwrap();
        assert!(read_only.verify().is_err());
        let hidden = ExpectedMount {
            source: ExpectedSource::Hidden,
            ..read_only
        };
        assert!(hidden.verify().is_err());
    }
}

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

use super::super::error::SandboxError;
use super::super::open;

/// The magic number of tmpfs, see statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// What must be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// The path in the container.
    pub path: PathBuf,
    /// The directory, given by a path above it, below which no link may stand in the way.
    pub base: PathBuf,
    /// What is there.
    pub what: What,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// This file or directory of the host's.
    Mounted {
        device: u64,
        inode: u64,
        writable: bool,
    },
    /// An empty file system that cannot be written.
    Hidden,
}

impl Expected {
    /// Returns that `fd` is mounted at `path`.
    pub(super) fn mounted(
        fd: &OwnedFd,
        path: &Path,
        base: &Path,
        writable: bool,
    ) -> Result<Self, SandboxError> {
        let stat = rustix::fs::fstat(fd).map_err(|errno| open::refusal(path, errno))?;
        Ok(Self {
            path: path.to_owned(),
            base: base.to_owned(),
            what: What::Mounted {
                device: stat.st_dev,
                inode: stat.st_ino,
                writable,
            },
        })
    }

    /// Returns the five words for it.
    pub(super) fn words(&self) -> [OsString; 5] {
        let (kind, device, inode) = match self.what {
            What::Mounted {
                device,
                inode,
                writable,
            } => (if writable { "rw" } else { "ro" }, device, inode),
            What::Hidden => ("hidden", 0, 0),
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
    pub(super) fn parse(words: &[OsString]) -> Option<Self> {
        let [kind, device, inode, base, path] = words else {
            return None;
        };
        let number = |text: &OsString| text.to_str()?.parse().ok();
        let mounted = |writable| {
            Some(What::Mounted {
                device: number(device)?,
                inode: number(inode)?,
                writable,
            })
        };
        let what = match kind.to_str()? {
            "rw" => mounted(true)?,
            "ro" => mounted(false)?,
            "hidden" => What::Hidden,
            _ => return None,
        };
        Some(Self {
            path: path.into(),
            base: base.into(),
            what,
        })
    }

    /// Looks whether it is so.
    pub(super) fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        let failed = |errno: rustix::io::Errno| format!("cannot look at {path}: {errno}");
        let opened = self.open().map_err(failed)?;
        let flags = rustix::fs::fstatvfs(&opened).map_err(failed)?.f_flag;
        let read_only = flags.contains(StatVfsMountFlags::RDONLY);
        let holds = match self.what {
            What::Mounted {
                device,
                inode,
                writable,
            } => {
                let stat = rustix::fs::fstat(&opened).map_err(failed)?;
                (stat.st_dev, stat.st_ino) == (device, inode) && read_only != writable
            }
            What::Hidden => {
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

    fn expected(root: &Path, name: &str) -> Expected {
        let path = root.join(name);
        let fd = open::directory(&path).unwrap();
        Expected::mounted(&fd, &path, root, true).unwrap()
    }

    #[test]
    fn words_are_read_back() {
        let root = tempfile::tempdir().unwrap();
        let mounted = expected(root.path(), "");
        let hidden = Expected {
            what: What::Hidden,
            ..mounted.clone()
        };
        for one in [mounted, hidden] {
            assert_eq!(Expected::parse(&one.words()), Some(one));
        }
        let wrong = ["rx", "1", "2", "/a", "/a"].map(OsString::from);
        assert_eq!(Expected::parse(&wrong), None);
    }

    #[test]
    fn another_directory_or_a_link_in_its_place_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        for name in ["docs", "other"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let docs = expected(root.path(), "docs");
        docs.check().unwrap();
        fs::rename(root.path().join("docs"), root.path().join("gone")).unwrap();
        symlink("gone", root.path().join("docs")).unwrap();
        assert!(docs.check().is_err());
        fs::remove_file(root.path().join("docs")).unwrap();
        fs::rename(root.path().join("other"), root.path().join("docs")).unwrap();
        let said = docs.check().unwrap_err();
        assert!(said.contains("is not what it was"), "{said}");
    }

    #[test]
    fn what_should_be_read_only_and_is_not_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        let fd = open::directory(path).unwrap();
        let read_only = Expected::mounted(&fd, path, path, false).unwrap();
        assert!(read_only.check().is_err());
        let hidden = Expected {
            what: What::Hidden,
            ..read_only
        };
        assert!(hidden.check().is_err());
    }
}

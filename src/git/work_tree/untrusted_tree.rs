//! Walks a tree that hostile programs have written: no link is followed, only regular files are
//! opened, and neither depth nor number of entries can exhaust resources.
//!
//! Every directory is opened component by component from the root with `O_NOFOLLOW`, so that at
//! most two are open at a time, however deep the tree is.

use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, Dir, FileType, Mode, OFlags, Stat, accessat, openat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::error::GitError;
use crate::excluded_names::ExclusionReason;

/// With the longest root in use, paths stay well below `PATH_MAX` (4096).
const MAX_PATH_BYTES: usize = 2000;
const MAX_DEPTH: usize = 200;

/// The visitor's decision about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisitAction {
    /// Continue, and enter the entry if it is a directory.
    Enter,
    /// Continue without entering it.
    Skip,
}

/// One entry of a directory.
#[derive(Debug)]
pub(crate) struct WalkEntry<'a> {
    /// The directory that contains it.
    pub(crate) directory: &'a OwnedFd,
    pub(crate) name: &'a [u8],
    /// The path from the root, separated by `/`.
    pub(crate) path: &'a [u8],
    /// Its metadata; of a link itself, not of its target.
    pub(crate) stat: &'a Stat,
}

impl WalkEntry<'_> {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Whether it is readable; call it for regular files only, since it would follow a link.
    pub(crate) fn is_readable(&self) -> bool {
        accessat(self.directory, self.name, Access::READ_OK, AtFlags::EACCESS).is_ok()
    }
}

/// A directory with hostile contents.
#[derive(Debug)]
pub(crate) struct UntrustedTree {
    path: PathBuf,
    root: OwnedFd,
}

impl UntrustedTree {
    /// Opens the directory at `path`, which must not be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, GitError> {
        let root = rustix::fs::open(path, directory_flags(), Mode::empty())
            .map_err(|why| GitError::io("open the directory", path)(why.into()))?;
        Ok(Self {
            path: path.to_owned(),
            root,
        })
    }

    /// Passes every entry below the root to `visit`, in no particular order. Directories that are
    /// unreadable or nested too deep are passed to `skipped` and not entered.
    pub(crate) fn walk(
        &self,
        mut visit: impl FnMut(&WalkEntry<'_>) -> Result<VisitAction, GitError>,
        mut skipped: impl FnMut(Vec<u8>, ExclusionReason),
    ) -> Result<(), GitError> {
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            if is_too_deep(&path) {
                skipped(path, ExclusionReason::TooDeep);
                continue;
            }
            let opened = self
                .open_directory(&path)
                .and_then(|fd| Ok((Dir::read_from(&fd)?, fd)));
            match opened {
                Ok((entries, fd)) => {
                    self.visit_entries(&path, entries, &fd, &mut visit, &mut waiting)?;
                }
                Err(_) if !path.is_empty() => skipped(path, ExclusionReason::Unreadable),
                Err(why) => return Err(self.io_error("read", &path, why)),
            }
        }
        Ok(())
    }

    fn visit_entries(
        &self,
        path: &[u8],
        entries: Dir,
        directory: &OwnedFd,
        visit: &mut impl FnMut(&WalkEntry<'_>) -> Result<VisitAction, GitError>,
        waiting: &mut Vec<Vec<u8>>,
    ) -> Result<(), GitError> {
        for entry in entries {
            let entry = entry.map_err(|why| self.io_error("read", path, why))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let child = join_path(path, name.to_bytes());
            let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                other => other.map_err(|why| self.io_error("look at", &child, why))?,
            };
            let seen = WalkEntry {
                directory,
                name: name.to_bytes(),
                path: &child,
                stat: &stat,
            };
            let is_directory = seen.kind() == FileType::Directory;
            if visit(&seen)? == VisitAction::Enter && is_directory {
                waiting.push(child);
            }
        }
        Ok(())
    }

    /// Reads the regular file at `path`, at most `limit` bytes; `None` if it is not one, is larger,
    /// or is unreadable.
    pub(crate) fn read(&self, path: &[u8], limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        let (parent, name) = split_path(path);
        // Without O_NONBLOCK, a pipe in place of the file would block forever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = self
            .open_directory(parent)
            .and_then(|fd| openat(&fd, name, flags, Mode::empty()));
        let Ok(fd) = opened else { return Ok(None) };
        let stat = rustix::fs::fstat(&fd).map_err(|why| self.io_error("look at", path, why))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        std::fs::File::from(fd)
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(GitError::io("read", &self.full_path(path)))?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// Whether `path` exists, reached without following a link.
    pub(crate) fn exists(&self, path: &[u8]) -> bool {
        let (parent, name) = split_path(path);
        self.open_directory(parent)
            .is_ok_and(|fd| statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok())
    }

    /// Returns the target of the link at `path`; `None` if it is no longer a link.
    pub(crate) fn read_link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (parent, name) = split_path(path);
        let directory = self.open_directory(parent).ok()?;
        let target = rustix::fs::readlinkat(&directory, name, Vec::new()).ok()?;
        Some(CString::into_bytes(target))
    }

    /// Removes the file or link at `path`.
    pub(crate) fn remove(&self, path: &[u8]) -> Result<(), GitError> {
        let (parent, name) = split_path(path);
        self.open_directory(parent)
            .and_then(|fd| unlinkat(&fd, name, AtFlags::empty()))
            .map_err(|why| self.io_error("remove", path, why))
    }

    /// Opens a directory below the root without following any link.
    fn open_directory(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let start = openat(&self.root, c".", directory_flags(), Mode::empty())?;
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .try_fold(start, |parent, part| {
                openat(parent.as_fd(), part, directory_flags(), Mode::empty())
            })
    }

    fn full_path(&self, path: &[u8]) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(path))
    }

    fn io_error(&self, what: &'static str, path: &[u8], why: Errno) -> GitError {
        GitError::io(what, &self.full_path(path))(why.into())
    }
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn is_too_deep(path: &[u8]) -> bool {
    path.len() > MAX_PATH_BYTES || path.split(|byte| *byte == b'/').count() > MAX_DEPTH
}

fn join_path(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_vec()
    } else {
        [directory, b"/", name].concat()
    }
}

/// Splits `path` into directory and name.
fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

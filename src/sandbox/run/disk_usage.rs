//! Measuring the disk space of a sandbox, and waiting until it exceeds its quota.
//!
//! The file systems that agents write to seldom have quotas, so this module measures. It counts the
//! space that the disk loses: blocks, not lengths; each file once, however many names it has; and files
//! that have no name left but are still open.

use std::collections::HashSet;
use std::ffi::CStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::supervision::container_process::sandbox_processes;

/// The shortest interval between two measurements.
const MIN_INTERVAL: Duration = Duration::from_secs(3);
/// The shortest interval between two measurements in multiples of the time that the last one took, so
/// that measuring takes a small share of the processor.
const INTERVAL_FACTOR: u32 = 20;
/// The deepest nesting of directories. Each level keeps a descriptor open while the levels below are
/// measured. No project needs more, and files that cannot be measured must not be a way around the
/// quota.
const MAX_DEPTH: usize = 200;
/// The space of a file besides its blocks: an inode and a name.
const ENTRY_BYTES: u64 = 512;

/// Why a sandbox exceeded its disk quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskQuotaExceeded {
    #[error(
        "it used {} MiB of disk space, but only {} MiB are allowed (sandbox.diskBytes)",
        bytes >> 20, limit >> 20
    )]
    Bytes {
        /// At least this much was used.
        bytes: u64,
        limit: u64,
    },
    /// The directories are nested too deeply to be measured.
    #[error("it created directories more than {MAX_DEPTH} deep below {}", root.display())]
    Deep {
        /// The measured directory.
        root: PathBuf,
    },
}

/// Waits until the directories `roots` take more than `limit` bytes. Files that have no name left count
/// if the sandbox whose outermost process is `pid` has them open on the same file systems.
pub async fn wait_for_disk_quota(roots: Vec<PathBuf>, limit: u64, pid: u32) -> DiskQuotaExceeded {
    loop {
        let (roots, began) = (roots.clone(), Instant::now());
        let measured = tokio::task::spawn_blocking(move || measure_disk(&roots, limit, pid)).await;
        if let Ok(Err(exceeded)) = measured {
            return exceeded;
        }
        tokio::time::sleep(MIN_INTERVAL.max(began.elapsed() * INTERVAL_FACTOR)).await;
    }
}

fn measure_disk(roots: &[PathBuf], limit: u64, pid: u32) -> Result<u64, DiskQuotaExceeded> {
    let mut usage = DiskUsage {
        limit,
        ..DiskUsage::default()
    };
    for root in roots {
        usage.add_tree(root)?;
    }
    for process in sandbox_processes(pid) {
        usage.add_unlinked(process)?;
    }
    Ok(usage.bytes)
}

/// A measurement in progress.
#[derive(Debug, Default)]
struct DiskUsage {
    bytes: u64,
    limit: u64,
    /// The file systems of the measured directories.
    devices: HashSet<u64>,
    /// The counted files that have several names or none.
    seen: HashSet<(u64, u64)>,
}

impl DiskUsage {
    fn add_bytes(&mut self, bytes: u64) -> Result<(), DiskQuotaExceeded> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limit {
            return Ok(());
        }
        Err(DiskQuotaExceeded::Bytes {
            bytes: self.bytes,
            limit: self.limit,
        })
    }

    /// Counts everything below `root`. Links are not followed, and files that disappear meanwhile do
    /// not count.
    fn add_tree(&mut self, root: &Path) -> Result<(), DiskQuotaExceeded> {
        let Ok(root_fd) = open_directory(rustix::fs::CWD, root) else {
            return Ok(());
        };
        if let Ok(stat) = rustix::fs::fstat(&root_fd) {
            self.devices.insert(stat.st_dev);
        }
        let mut levels: Vec<Dir> = Dir::new(root_fd).into_iter().collect();
        while let Some(level) = levels.last_mut() {
            let Some(entry) = level.next() else {
                levels.pop();
                continue;
            };
            let Ok(entry) = entry else { continue };
            let Some((stat, below)) = inspect_entry(level, entry.file_name()) else {
                continue;
            };
            self.add_entry(&stat)?;
            levels.extend(below);
            if levels.len() > MAX_DEPTH {
                let root = root.to_owned();
                return Err(DiskQuotaExceeded::Deep { root });
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, stat: &Stat) -> Result<(), DiskQuotaExceeded> {
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let again =
            !directory && stat.st_nlink > 1 && !self.seen.insert((stat.st_dev, stat.st_ino));
        let blocks = if again {
            0
        } else {
            block_bytes(stat.st_blocks)
        };
        self.add_bytes(blocks + ENTRY_BYTES)
    }

    /// Counts the files that `process` has open and that have no name left.
    fn add_unlinked(&mut self, process: u32) -> Result<(), DiskQuotaExceeded> {
        let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            // This follows the link to the open file itself, not to its former path.
            let Ok(open) = fs::metadata(entry.path()) else {
                continue;
            };
            let counts = open.is_file() && open.nlink() == 0 && self.devices.contains(&open.dev());
            if counts && self.seen.insert((open.dev(), open.ino())) {
                self.add_bytes(open.blocks().saturating_mul(512))?;
            }
        }
        Ok(())
    }
}

/// Returns the bytes of the 512-byte blocks that `stat` reports.
fn block_bytes(blocks: impl TryInto<u64>) -> u64 {
    blocks.try_into().unwrap_or(0).saturating_mul(512)
}

/// Returns the entry of a directory, opened if it is a directory as well; `None` if it is gone.
fn inspect_entry(directory: &Dir, name: &CStr) -> Option<(Stat, Option<Dir>)> {
    if name == c"." || name == c".." {
        return None;
    }
    let fd = directory.fd().ok()?;
    let stat = rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let below = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => open_directory(fd, name).and_then(Dir::new).ok(),
        _ => None,
    };
    Some((stat, below))
}

fn open_directory(
    at: impl std::os::fd::AsFd,
    path: impl rustix::path::Arg,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    const MIB: u64 = 1 << 20;

    fn count(root: &Path) -> Result<u64, DiskQuotaExceeded> {
        measure_disk(&[root.to_owned()], u64::MAX, std::process::id())
    }

    fn fill(path: &Path, mib: usize) {
        fs::write(path, vec![7; mib << 20]).unwrap();
    }

    #[test]
    fn hard_links_count_once_and_holes_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        fill(&dir.path().join("a"), 4);
        fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        let hole = fs::File::create(dir.path().join("hole")).unwrap();
        hole.set_len(1 << 40).unwrap();
        let bytes = count(dir.path()).unwrap();
        assert!((4 * MIB..5 * MIB).contains(&bytes), "{bytes}");
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(&other.path().join("big"), 4);
        symlink(other.path(), dir.path().join("dir")).unwrap();
        symlink(other.path().join("big"), dir.path().join("file")).unwrap();
        symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert!(count(dir.path()).unwrap() < MIB);
        assert!(count(&dir.path().join("dir")).unwrap() < MIB);
    }

    #[test]
    fn an_unlinked_file_counts_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = tempfile::tempfile_in(dir.path()).unwrap();
        held.write_all(&vec![7; 4 << 20]).unwrap();
        // The child keeps the file open, like a process in a sandbox.
        let mut child = eklavya_core::process::new_command("sleep").into_std();
        let mut child = child.arg("60").stdin(held).spawn().unwrap();
        let bytes = count(dir.path()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!((4 * MIB..5 * MIB).contains(&bytes), "{bytes}");
    }

    #[test]
    fn each_empty_file_counts_as_an_entry() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..100 {
            fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        assert!(count(dir.path()).unwrap() >= 100 * ENTRY_BYTES);
    }

    #[test]
    fn a_tree_that_is_too_deep_to_count_exceeds_the_quota() {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().to_owned();
        for _ in 0..=MAX_DEPTH {
            path.push("d");
            fs::create_dir(&path).unwrap();
        }
        let root = dir.path().to_owned();
        assert_eq!(count(&root), Err(DiskQuotaExceeded::Deep { root }));
    }

    #[tokio::test]
    async fn waiting_for_the_quota_returns_once_it_is_exceeded() {
        let dir = tempfile::tempdir().unwrap();
        fill(&dir.path().join("a"), 2);
        let exceeded =
            wait_for_disk_quota(vec![dir.path().to_owned()], MIB, std::process::id()).await;
        assert!(matches!(
            exceeded,
            DiskQuotaExceeded::Bytes { limit: MIB, .. }
        ));
        assert!(exceeded.to_string().contains("sandbox.diskBytes"));
    }
}

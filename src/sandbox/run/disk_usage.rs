//! How much of the disk a sandbox takes, and an end to it where that is too much.
//!
//! The file systems that agents write on seldom have quotas, so somebody has to count. What is
//! counted is what the disk loses: blocks, not lengths; each file once, however many names it has;
//! and files that have no name left but are still open.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::supervision::process_tree;

/// Between two counts, at least.
const PAUSE: Duration = Duration::from_secs(3);
/// Between two counts, in multiples of what the last one took: counting must not be the main work.
const REST: u32 = 20;
/// Directories in directories, at most: each holds a descriptor while what is below is counted.
/// Nobody's work is that deep, and what cannot be counted must not be a place to hide.
const DEEPEST: usize = 200;
/// What a file takes besides its blocks: an inode and a name.
const ENTRY_BYTES: u64 = 512;

/// What went beyond its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskQuotaExceeded {
    /// Too much on the disk.
    #[error(
        "it took {} MiB of the disk, and {} MiB are allowed (sandbox.diskBytes)",
        bytes >> 20, limit >> 20
    )]
    Bytes {
        /// What it took, at least.
        bytes: u64,
        /// What was allowed.
        limit: u64,
    },
    /// Directories so deep that they cannot be counted.
    #[error("it made directories more than {DEEPEST} deep below {}", root.display())]
    Deep {
        /// The directory that was counted.
        root: PathBuf,
    },
}

/// Returns when the directories `roots`, with what the sandbox whose outermost process is `pid`
/// holds open of their file systems, take more than `limit` bytes; never otherwise.
pub async fn wait_for_disk_quota(roots: Vec<PathBuf>, limit: u64, pid: u32) -> DiskQuotaExceeded {
    loop {
        let (roots, begun) = (roots.clone(), Instant::now());
        let counted = tokio::task::spawn_blocking(move || measure_disk(&roots, limit, pid)).await;
        if let Ok(Err(outgrown)) = counted {
            return outgrown;
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * REST)).await;
    }
}

fn measure_disk(roots: &[PathBuf], limit: u64, pid: u32) -> Result<u64, DiskQuotaExceeded> {
    let mut count = DiskUsage {
        limit,
        ..DiskUsage::default()
    };
    for root in roots {
        count.add_tree(root)?;
    }
    for process in process_tree::sandbox_processes(pid) {
        count.add_unlinked(process)?;
    }
    Ok(count.bytes)
}

/// A count under way.
#[derive(Debug, Default)]
struct DiskUsage {
    bytes: u64,
    limit: u64,
    /// The file systems of the directories that were counted.
    devices: HashSet<u64>,
    /// Files with several names, and those with none.
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

    /// Counts everything below `root`. No link is followed, and what vanishes meanwhile does not
    /// count.
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
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let Ok(fd) = level.fd() else { continue };
            let Ok(stat) = rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let below = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => open_directory(fd, name).and_then(Dir::new).ok(),
                _ => None,
            };
            self.add_entry(&stat)?;
            levels.extend(below);
            if levels.len() > DEEPEST {
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

    /// Counts the files that `process` has open and that have no name any more.
    fn add_unlinked(&mut self, process: u32) -> Result<(), DiskQuotaExceeded> {
        let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            // Follows the link to the open file itself, whatever its name was.
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

/// Returns the bytes of blocks as `stat` counts them.
fn block_bytes(blocks: impl TryInto<u64>) -> u64 {
    blocks.try_into().unwrap_or(0).saturating_mul(512)
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
    fn a_file_counts_once_whatever_its_names_and_holes_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        fill(&dir.path().join("a"), 4);
        fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        let hole = fs::File::create(dir.path().join("hole")).unwrap();
        hole.set_len(1 << 40).unwrap();
        let bytes = count(dir.path()).unwrap();
        assert!((4 * MIB..5 * MIB).contains(&bytes), "{bytes}");
    }

    #[test]
    fn links_lead_nowhere() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(&other.path().join("big"), 4);
        symlink(other.path(), dir.path().join("dir")).unwrap();
        symlink(other.path().join("big"), dir.path().join("file")).unwrap();
        symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert!(count(dir.path()).unwrap() < MIB);
        assert!(count(&dir.path().join("dir")).unwrap() < MIB);
    }

    #[test]
    fn a_file_without_a_name_counts_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let mut held = tempfile::tempfile_in(dir.path()).unwrap();
        held.write_all(&vec![7; 4 << 20]).unwrap();
        // Holds it open, as a process of a sandbox would.
        let mut child = eklavya_core::process::new_command("sleep").into_std();
        let mut child = child.arg("60").stdin(held).spawn().unwrap();
        let bytes = count(dir.path()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!((4 * MIB..5 * MIB).contains(&bytes), "{bytes}");
    }

    #[test]
    fn many_empty_files_count_too() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..100 {
            fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        assert!(count(dir.path()).unwrap() >= 100 * ENTRY_BYTES);
    }

    #[test]
    fn what_is_too_deep_to_count_is_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().to_owned();
        for _ in 0..=DEEPEST {
            path.push("d");
            fs::create_dir(&path).unwrap();
        }
        let root = dir.path().to_owned();
        assert_eq!(count(&root), Err(DiskQuotaExceeded::Deep { root }));
    }

    #[tokio::test]
    async fn it_returns_once_the_limit_is_passed() {
        let dir = tempfile::tempdir().unwrap();
        fill(&dir.path().join("a"), 2);
        let outgrown =
            wait_for_disk_quota(vec![dir.path().to_owned()], MIB, std::process::id()).await;
        assert!(matches!(
            outgrown,
            DiskQuotaExceeded::Bytes { limit: MIB, .. }
        ));
        assert!(outgrown.to_string().contains("sandbox.diskBytes"));
    }
}

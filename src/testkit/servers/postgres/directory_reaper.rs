//! A process that cleans up after a test, even if the test is killed.
//!
//! It waits for the end of a pipe that only the test has open, so it does not matter how the test
//! ends or which thread started the server. It has its own process group, so a signal to the
//! test's group does not reach it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

use super::installation::program;

/// A file system in memory. A data directory has hundreds of files, and ext4 is slow to create
/// them shortly after as many were removed.
const MEMORY: &str = "/dev/shm";
/// The space in bytes that all servers that run at the same time need. Containers have little.
const ROOM: u64 = 2 << 30;
const SCRIPT: &str = include_str!("directory_reaper.sh");

/// The kind of storage of a server's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataMedium {
    /// On disk, where it survives a crash of the machine.
    Disk,
    /// In memory if there is enough space.
    Memory,
}

/// A directory, and the process that removes it.
#[derive(Debug)]
pub struct DirectoryReaper {
    directory: PathBuf,
    process: Child,
}

impl DirectoryReaper {
    /// Creates a directory that belongs to the server's user, and its reaper.
    pub fn new(medium: DataMedium) -> Self {
        let directory = create_directory(medium).keep();
        let mut shell = program("sh");
        shell.args(["-c", SCRIPT, "reaper"]).arg(&directory);
        shell.stdin(Stdio::piped()).process_group(0);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        Self {
            process: shell.spawn().unwrap(),
            directory,
        }
    }

    /// Returns the directory: sockets, log and data.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Returns the processes of the server: exactly those whose working directory is its data
    /// directory.
    pub fn processes(&self) -> Vec<Pid> {
        let data = self.data();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ours = entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let cwd = fs::read_link(entry.path().join("cwd")).ok()?;
            (cwd == data).then_some(Pid::from_raw(pid))
        });
        ours.collect()
    }

    /// Ends the server and removes the directory.
    pub fn remove(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Returns a new directory that belongs to the server's user.
pub fn create_directory(medium: DataMedium) -> TempDir {
    let parent = match medium {
        DataMedium::Memory if has_room(MEMORY) => PathBuf::from(MEMORY),
        DataMedium::Memory | DataMedium::Disk => std::env::temp_dir(),
    };
    let directory = tempfile::Builder::new()
        .prefix("eklavya-pg-")
        .tempdir_in(parent)
        .unwrap();
    if let Some(user) = other_user() {
        chown(
            directory.path(),
            Some(user.uid.as_raw()),
            Some(user.gid.as_raw()),
        )
        .unwrap();
    }
    directory
}

fn has_room(file_system: &str) -> bool {
    let free = |found: nix::sys::statvfs::Statvfs| found.blocks_available() * found.fragment_size();
    nix::sys::statvfs::statvfs(file_system).is_ok_and(|found| free(found) >= ROOM)
}

/// Makes a command run as an unprivileged user, without further groups, if the test runs as root:
/// PostgreSQL refuses to run as root.
pub fn drop_privileges(command: &mut Command) {
    if let Some(user) = other_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
}

/// Returns the user of the server if the test runs as root. PostgreSQL looks its user up, so the
/// user must exist.
fn other_user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| User::from_name(name).unwrap());
    Some(user.expect("the user postgres or another unprivileged user exists"))
}

//! Files that name a running process: the host's identity, the process id, and its start time in
//! ticks since boot.

use std::fs;
use std::io;
use std::path::Path;

use eklavya_core::process::{self, HostIdentity};

/// A process that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    host: String,
    pub pid: u32,
    /// Ticks since boot.
    pub start: i64,
}

impl PidFile {
    /// Writes the process `pid` of this host to `file`.
    pub(crate) fn write(file: &Path, pid: u32) -> io::Result<()> {
        let host = HostIdentity::current().digest;
        let start = process::read_start_time(pid).unwrap_or_default();
        fs::write(file, format!("{host} {pid} {start}"))
    }

    /// Reads `file`; `None` if it is missing or not complete yet.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let mut words = text.split(' ');
        Some(Self {
            host: words.next()?.to_owned(),
            pid: words.next()?.parse().ok()?,
            start: words.next()?.parse().ok()?,
        })
    }

    /// Whether its process id belongs to this host.
    pub(crate) fn is_of_this_host(&self) -> bool {
        self.host == HostIdentity::current().digest
    }

    /// Whether its process belongs to this host and has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_of_this_host() && !process::is_alive(self.pid, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_identifies_a_process_by_host_id_and_start_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("process");
        assert_eq!(PidFile::read(&file), None);
        PidFile::write(&file, std::process::id()).unwrap();
        let own = PidFile::read(&file).unwrap();
        assert_eq!(own.pid, std::process::id());
        assert!(own.is_of_this_host() && !own.has_ended());
        let earlier = PidFile {
            start: own.start - 1,
            ..own
        };
        assert!(earlier.has_ended());
        fs::write(&file, "elsewhere 1 1").unwrap();
        assert!(!PidFile::read(&file).unwrap().has_ended());
        fs::write(&file, "elsewhere 1").unwrap();
        assert_eq!(PidFile::read(&file), None);
    }
}

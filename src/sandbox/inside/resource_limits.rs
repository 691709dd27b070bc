//! The resource limits that the kernel enforces for every process in a sandbox.
//!
//! Memory is not limited here: the CLI reserves far more addresses than it uses, so an effective
//! limit on addresses (`RLIMIT_AS`) would end it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Processes and threads in one sandbox. Other processes of the same user do not count.
const TASKS: u64 = 4096;
/// Bytes in one file.
const FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Open files of one process.
const OPEN_FILES: u64 = 65_536;

/// Which limits are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceLimits {
    Nothing,
    /// Files only: the container engine limits the number of processes.
    Files,
    /// Files and the number of processes.
    All,
}

/// Limits this process and what it starts. A limit that is lower already stays.
pub(crate) fn apply(limits: ResourceLimits) -> nix::Result<()> {
    let files = [
        (Resource::RLIMIT_FSIZE, FILE_BYTES),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
    ];
    let tasks = [(Resource::RLIMIT_NPROC, TASKS)];
    let chosen = match limits {
        ResourceLimits::Nothing => Vec::new(),
        ResourceLimits::Files => files.to_vec(),
        ResourceLimits::All => [&files[..], &tasks].concat(),
    };
    for (resource, limit) in chosen {
        let (soft, hard) = getrlimit(resource)?;
        setrlimit(resource, soft.min(limit), hard.min(limit))?;
    }
    Ok(())
}

/// Disables core dumps: they contain the secrets of the process, and the kernel writes them to the
/// place that the machine's `core_pattern` names.
pub(crate) fn disable_core_dumps() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

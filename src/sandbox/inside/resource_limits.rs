//! The limits that the kernel keeps for every process in a sandbox.
//!
//! Memory is not among them: the CLI reserves far more addresses than it uses, so a limit on
//! addresses (`RLIMIT_AS`) that meant something would end it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Processes and threads in one sandbox. The count is the sandbox's own, whatever else its user
/// runs.
const TASKS: u64 = 4096;
/// Bytes in one file.
const FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Open files of one process.
const OPEN_FILES: u64 = 65_536;

/// What is limited by the kernel for each process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceLimits {
    /// Nothing.
    Nothing,
    /// Files: somebody else counts the processes.
    Files,
    /// Files, and the number of processes.
    All,
}

/// Limits this process and what it starts. What is lower already stays so.
pub(crate) fn apply(limited: ResourceLimits) -> nix::Result<()> {
    let files = [
        (Resource::RLIMIT_FSIZE, FILE_BYTES),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
    ];
    let tasks = [(Resource::RLIMIT_NPROC, TASKS)];
    let chosen = match limited {
        ResourceLimits::Nothing => Vec::new(),
        ResourceLimits::Files => files.to_vec(),
        ResourceLimits::All => [&files[..], &tasks].concat(),
    };
    for (resource, most) in chosen {
        let (soft, hard) = getrlimit(resource)?;
        setrlimit(resource, soft.min(most), hard.min(most))?;
    }
    Ok(())
}

/// Forbids memory dumps: they hold whatever the process held, and the kernel writes them wherever
/// the machine's `core_pattern` says.
pub(crate) fn disable_core_dumps() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

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

/// Limits this process and what it starts. What is lower already stays so.
pub(super) fn set() -> nix::Result<()> {
    for (resource, most) in [
        (Resource::RLIMIT_NPROC, TASKS),
        (Resource::RLIMIT_FSIZE, FILE_BYTES),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
    ] {
        let (soft, hard) = getrlimit(resource)?;
        setrlimit(resource, soft.min(most), hard.min(most))?;
    }
    Ok(())
}

/// Forbids memory dumps: they hold whatever the process held, and the kernel writes them wherever
/// the machine's `core_pattern` says.
pub(super) fn forbid_dumps() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

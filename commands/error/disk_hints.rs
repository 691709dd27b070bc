//! Hints about the disk of the data directory: full or read-only.

use std::io;

use camino::Utf8Path;
use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// With less free space than this, in bytes, the disk counts as full.
const FULL_BELOW: u64 = 1 << 20;

/// Returns the free bytes on the disk of `home`, or of its nearest parent directory that exists.
pub fn free_bytes(home: &Utf8Path) -> io::Result<u64> {
    let place = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let found = statvfs(place.as_std_path())?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Adds a hint to `error` if the disk of the data directory is full or read-only.
///
/// The error itself may not state this cause: other programs report it in many ways.
pub fn add_disk_hints(invocation: &CommandInvocation, error: CommandError) -> CommandError {
    let home = &invocation.home.path;
    if !error.is_environment() {
        error
    } else if free_bytes(home).is_ok_and(|bytes| bytes < FULL_BELOW) {
        error.with_hint(format!(
            "The disk of {home} is full: free some space and run the command again"
        ))
    } else if is_read_only(home) {
        error.with_hint(format!(
            "{home} is read-only: make it writable and run the command again"
        ))
    } else {
        error
    }
}

/// Returns whether the directory exists and is not writable.
fn is_read_only(home: &Utf8Path) -> bool {
    let refused = access(home.as_std_path(), Access::WRITE_OK);
    matches!(refused, Err(Errno::ACCESS | Errno::ROFS))
}

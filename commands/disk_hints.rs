//! The data directory as a place: the room that is left there, and whether it can be written.

use std::io;

use camino::Utf8Path;
use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;

use crate::error::CommandError;
use crate::invocation::CommandInvocation;

/// With less than this, in bytes, hardly anything can be written.
const NONE: u64 = 1 << 20;

/// Returns how many bytes may still be written below `home`, or below the nearest directory above
/// it that is there.
pub fn free_bytes(home: &Utf8Path) -> io::Result<u64> {
    let place = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let found = statvfs(place.as_std_path())?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Returns `error` with the advice to make room, or to make the directory writable, where that is
/// what it takes.
///
/// A full disk and a read-only one have many faces: not every program that we call says what it
/// stumbled over.
pub fn add_disk_hints(invocation: &CommandInvocation, error: CommandError) -> CommandError {
    let home = &invocation.home.path;
    if !error.is_environment() {
        error
    } else if free_bytes(home).is_ok_and(|bytes| bytes < NONE) {
        error.with_hint(format!(
            "The disk of {home} is full: make room and repeat the command"
        ))
    } else if is_read_only(home) {
        error.with_hint(format!(
            "{home} cannot be written: make it writable and repeat the command"
        ))
    } else {
        error
    }
}

/// Whether the directory is there and cannot be written.
fn is_read_only(home: &Utf8Path) -> bool {
    let refused = access(home.as_std_path(), Access::WRITE_OK);
    matches!(refused, Err(Errno::ACCESS | Errno::ROFS))
}

//! The room that is left on the disk of the data directory.

use std::io;

use camino::Utf8Path;
use rustix::fs::statvfs;

use crate::error::CommandError;
use crate::invocation::Invocation;

/// With less than this, in bytes, hardly anything can be written.
const NONE: u64 = 1 << 20;

/// Returns how many bytes may still be written below `home`, or below the nearest directory above
/// it that is there.
pub fn free(home: &Utf8Path) -> io::Result<u64> {
    let place = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let found = statvfs(place.as_std_path())?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Returns `error` with the advice to make room, where that may be what it takes.
///
/// A full disk has many faces: not every program that we call says what it ran out of.
pub fn advise(invocation: &Invocation, error: CommandError) -> CommandError {
    let home = &invocation.home.path;
    if error.is_of_the_environment() && free(home).is_ok_and(|bytes| bytes < NONE) {
        error.hint(format!(
            "The disk of {home} is full: make room and repeat the command"
        ))
    } else {
        error
    }
}

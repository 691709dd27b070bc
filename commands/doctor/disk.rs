//! Room on the disk.

use camino::Utf8Path;

use super::Check;
use crate::data_directory;

/// Below this the work is likely to stop soon, in bytes.
const LITTLE: u64 = 2 << 30;
/// Below this it is not worth beginning, in bytes.
const TOO_LITTLE: u64 = 200 << 20;

/// Is there room for clones, transcripts and the database?
pub fn space(home: &Utf8Path) -> Check {
    const NAME: &str = "disk";
    const FIX: &str = "make room, or choose another place: --home DIR";
    let free = match data_directory::free(home) {
        Ok(free) => free,
        Err(error) => return Check::error(NAME, &format!("{home}: {error}")),
    };
    let detail = format!("{} MiB free at {home}", free >> 20);
    match free {
        0..TOO_LITTLE => Check::failed(NAME, detail, FIX),
        TOO_LITTLE..LITTLE => Check::warning(NAME, detail, FIX),
        _ => Check::ok(NAME, detail),
    }
}

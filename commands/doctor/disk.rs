//! Room on the disk.

use camino::Utf8Path;

use super::DoctorCheck;
use crate::disk_hints;

/// Below this the work is likely to stop soon, in bytes.
const LITTLE: u64 = 2 << 30;
/// Below this it is not worth beginning, in bytes.
const TOO_LITTLE: u64 = 200 << 20;

/// Is there room for clones, transcripts and the database?
pub fn check_free_space(home: &Utf8Path) -> DoctorCheck {
    const NAME: &str = "disk";
    const FIX: &str = "make room, or choose another place: --home DIR";
    let free = match disk_hints::free_bytes(home) {
        Ok(free) => free,
        Err(error) => return DoctorCheck::failed_with_error(NAME, &format!("{home}: {error}")),
    };
    let detail = format!("{} MiB free at {home}", free >> 20);
    match free {
        0..TOO_LITTLE => DoctorCheck::failed(NAME, detail, FIX),
        TOO_LITTLE..LITTLE => DoctorCheck::warning(NAME, detail, FIX),
        _ => DoctorCheck::ok(NAME, detail),
    }
}

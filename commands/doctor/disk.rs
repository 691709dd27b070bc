//! The free space on the disk.

use camino::Utf8Path;

use super::DoctorCheck;
use crate::error::disk_hints;

/// Below this, in bytes, the work is likely to stop soon.
const LOW_SPACE: u64 = 2 << 30;
/// Below this, in bytes, the check fails.
const MIN_SPACE: u64 = 200 << 20;

/// Checks the space for clones, transcripts and the database.
pub fn check_free_space(home: &Utf8Path) -> DoctorCheck {
    const NAME: &str = "disk";
    const FIX: &str = "free some space, or choose another data directory: --home DIR";
    let free = match disk_hints::free_bytes(home) {
        Ok(free) => free,
        Err(error) => return DoctorCheck::failed_with_error(NAME, &format!("{home}: {error}")),
    };
    let detail = format!("{} MiB free at {home}", free >> 20);
    match free {
        0..MIN_SPACE => DoctorCheck::failed(NAME, detail, FIX),
        MIN_SPACE..LOW_SPACE => DoctorCheck::warning(NAME, detail, FIX),
        _ => DoctorCheck::ok(NAME, detail),
    }
}

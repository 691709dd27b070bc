//! Room on the disk.

use camino::Utf8Path;
use rustix::fs::statvfs;

use super::Check;

/// Below this the work is likely to stop soon, in bytes.
const LITTLE: u64 = 2 << 30;
/// Below this it is not worth beginning, in bytes.
const TOO_LITTLE: u64 = 200 << 20;

/// Is there room for clones, transcripts and the database?
pub fn space(home: &Utf8Path) -> Check {
    const NAME: &str = "disk";
    const FIX: &str = "make room, or choose another place: --home DIR";
    let place = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let free = match statvfs(place.as_std_path()) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Check::error(NAME, &format!("{place}: {error}")),
    };
    let detail = format!("{} MiB free at {place}", free >> 20);
    match free {
        0..TOO_LITTLE => Check::failed(NAME, detail, FIX),
        TOO_LITTLE..LITTLE => Check::warning(NAME, detail, FIX),
        _ => Check::ok(NAME, detail),
    }
}

//! Where things are tried.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

/// How such directories begin.
const PREFIX: &str = "doctor-";
/// From this age on one was left by an examination that was killed.
const LEFT: Duration = Duration::from_hours(1);

/// Makes a directory in which something is tried; it is removed with the handle.
///
/// It should be where agents work: elsewhere files may not be executable, or not be the engine's to
/// see. What an examination left that was killed is removed on this occasion.
pub fn create_test_dir(place: &Path) -> io::Result<TempDir> {
    remove_stale(place);
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)
}

/// Removes what is older than any examination takes. What cannot be removed is in nobody's way.
fn remove_stale(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > LEFT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_examination_left_goes_with_the_next() {
        let place = tempfile::tempdir().unwrap();
        let directory = |name: &str, is_old: bool| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "").unwrap();
            if is_old {
                let opened = fs::File::open(&path).unwrap();
                opened.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            path
        };
        let (old, new) = (
            directory("doctor-old", true),
            directory("doctor-new", false),
        );
        let other = directory("projects", true);
        let made = create_test_dir(place.path()).unwrap();
        let there = [&old, &new, &other].map(|path| path.exists());
        assert_eq!(there, [false, true, true]);
        assert!(made.path().is_dir());
    }
}

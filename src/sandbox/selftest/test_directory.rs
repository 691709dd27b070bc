//! Temporary directories for tests of the sandbox.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

/// The prefix of their names.
const PREFIX: &str = "doctor-";
/// A directory of this age was left by a test that was killed.
const STALE_AGE: Duration = Duration::from_hours(1);

/// Creates a temporary directory below `parent`. It is removed with the handle. Also removes the
/// directories of tests that were killed.
///
/// `parent` should be the directory in which agents work: elsewhere files may not be executable, or not
/// visible to the Docker engine.
pub fn create_test_dir(parent: &Path) -> io::Result<TempDir> {
    remove_stale(parent);
    tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)
}

/// Removes directories that are older than any test takes. Errors do no harm.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > STALE_AGE) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn creating_a_test_directory_removes_those_of_killed_tests() {
        let parent = tempfile::tempdir().unwrap();
        let directory = |name: &str, is_old: bool| {
            let path = parent.path().join(name);
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
        let created = create_test_dir(parent.path()).unwrap();
        let exist = [&old, &new, &other].map(|path| path.exists());
        assert_eq!(exist, [false, true, true]);
        assert!(created.path().is_dir());
    }
}

//! The data directory and the store.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use eklavya::config::Home;
use eklavya::sandbox;
use eklavya::store::{Store, StoreError};

use super::Check;

/// Is the data directory there, and can it be written to and, by agents of root, be gone through?
pub fn directory(home: &Home) -> Check {
    const NAME: &str = "data directory";
    let path = &home.path;
    if !path.is_dir() {
        return Check::failed(NAME, format!("{path} is not there"), "eklavya init");
    }
    // Nothing is left behind: the file is removed when it is closed.
    if let Err(error) = tempfile::tempfile_in(path) {
        let fix = "make it writable, or choose another: --home DIR";
        return Check::failed(NAME, format!("{path} cannot be written to: {error}"), fix);
    }
    match closed_to_others(path).filter(|_| sandbox::is_root()) {
        Some(closed) => Check::failed(
            NAME,
            format!("agents of root run as other users and cannot go through {closed}"),
            format!("chmod o+x {closed}, or choose another: --home DIR"),
        ),
        None => Check::ok(NAME, path.as_str()),
    }
}

/// Returns the outermost directory on the way that other users cannot go through.
fn closed_to_others(path: &Utf8Path) -> Option<&Utf8Path> {
    const OTHERS_THROUGH: u32 = 0o001;
    let way: Vec<&Utf8Path> = path.ancestors().collect();
    way.into_iter().rev().find(|directory| {
        directory
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & OTHERS_THROUGH == 0)
    })
}

/// Can the database be used?
pub async fn store(home: &Home) -> Check {
    const NAME: &str = "store";
    let file = home.database();
    match Store::open(file.as_std_path()).await {
        Ok(store) => {
            store.close().await;
            Check::ok(NAME, file)
        }
        Err(error @ StoreError::Missing(_)) => {
            Check::failed(NAME, error.to_string(), "eklavya init")
        }
        Err(error @ StoreError::Newer { .. }) => {
            let fix = "use the newer eklavya, or another data directory: --home DIR";
            Check::failed(NAME, error.to_string(), fix)
        }
        Err(error) => Check::error(NAME, &error),
    }
}

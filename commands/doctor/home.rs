//! The data directory and the store.

use std::path::PathBuf;

use eklavya_config::{Config, Home};
use eklavya_store::{Location, Store, StoreError};

use super::Check;
use crate::error::remedy;

/// Is the data directory there, and can it be written to? It may be closed to everybody else:
/// agents of root get their own directories mounted.
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
    Check::ok(NAME, path.as_str())
}

/// Returns where things are tried: in the data directory, where agents work, or else where temporary
/// files are.
pub fn place(config: &Config) -> PathBuf {
    let home = config.home.path.as_std_path();
    if home.is_dir() {
        home.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Can the database be used?
pub async fn store(location: &Location) -> Check {
    const NAME: &str = "store";
    match look(location).await {
        Ok(version) => Check::ok(NAME, format!("{location} ({version})")),
        Err(error @ StoreError::Missing(_)) => {
            Check::failed(NAME, error.to_string(), "eklavya init")
        }
        Err(error) => Check::failed(NAME, error.to_string(), remedy(&error)),
    }
}

/// Returns the version of a database that can be worked with.
async fn look(location: &Location) -> Result<String, StoreError> {
    let store = Store::open(location).await?;
    let version = store.version().await;
    store.close().await;
    version
}

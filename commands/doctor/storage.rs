//! The data directory and the store.

use std::path::PathBuf;

use eklavya_config::{Config, DataDirectory};
use eklavya_store::{DatabaseLocation, Store, StoreError};

use super::DoctorCheck;
use crate::error::store_hint;

/// Checks that the data directory exists and is writable. Other users need no access: the agents of
/// root get their directories mounted.
pub fn check_data_directory(home: &DataDirectory) -> DoctorCheck {
    const NAME: &str = "data directory";
    let path = &home.path;
    if !path.is_dir() {
        return DoctorCheck::failed(NAME, format!("{path} does not exist"), "eklavya init");
    }
    // The file is removed when it is closed.
    if let Err(error) = tempfile::tempfile_in(path) {
        let fix = "make it writable, or choose another data directory: --home DIR";
        return DoctorCheck::failed(NAME, format!("cannot write to {path}: {error}"), fix);
    }
    DoctorCheck::ok(NAME, path.as_str())
}

/// Returns the directory for tests: the data directory, where agents work, or the temporary directory
/// if it does not exist.
pub fn probe_directory(config: &Config) -> PathBuf {
    let home = config.home.path.as_std_path();
    if home.is_dir() {
        home.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Checks that the database is usable.
pub async fn check_store(location: &DatabaseLocation) -> DoctorCheck {
    const NAME: &str = "store";
    match read_database_version(location).await {
        Ok(version) => DoctorCheck::ok(NAME, format!("{location} ({version})")),
        Err(error @ StoreError::Missing(_)) => {
            DoctorCheck::failed(NAME, error.to_string(), "eklavya init")
        }
        Err(error) => DoctorCheck::failed(NAME, error.to_string(), store_hint(&error)),
    }
}

/// Opens the database, which checks its schema, and returns the version of the server.
async fn read_database_version(location: &DatabaseLocation) -> Result<String, StoreError> {
    let store = Store::open(location).await?;
    let version = store.server_version().await;
    store.close().await;
    version
}

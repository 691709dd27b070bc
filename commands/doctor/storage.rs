//! The data directory and the store.

use std::path::PathBuf;

use eklavya_config::{Config, DataDirectory};
use eklavya_store::{DatabaseLocation, Store, StoreError};

use super::DoctorCheck;
use crate::error::store_hint;

/// Is the data directory there, and can it be written to? It may be closed to everybody else:
/// agents of root get their own directories mounted.
pub fn check_data_directory(home: &DataDirectory) -> DoctorCheck {
    const NAME: &str = "data directory";
    let path = &home.path;
    if !path.is_dir() {
        return DoctorCheck::failed(NAME, format!("{path} is not there"), "eklavya init");
    }
    // Nothing is left behind: the file is removed when it is closed.
    if let Err(error) = tempfile::tempfile_in(path) {
        let fix = "make it writable, or choose another: --home DIR";
        return DoctorCheck::failed(NAME, format!("{path} cannot be written to: {error}"), fix);
    }
    DoctorCheck::ok(NAME, path.as_str())
}

/// Returns where things are tried: in the data directory, where agents work, or else where temporary
/// files are.
pub fn probe_directory(config: &Config) -> PathBuf {
    let home = config.home.path.as_std_path();
    if home.is_dir() {
        home.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Can the database be used?
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

/// Returns the version of a database that can be worked with.
async fn read_database_version(location: &DatabaseLocation) -> Result<String, StoreError> {
    let store = Store::open(location).await?;
    let version = store.server_version().await;
    store.close().await;
    version
}

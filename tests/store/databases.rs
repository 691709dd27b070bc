//! Databases for tests: one of each kind, with the schema and nothing else.

use std::path::PathBuf;

use eklavya_core::secret::server_url;
use eklavya_store::{DatabaseLocation, PostgresServer, Store};
use eklavya_testkit::servers::postgres::TestPostgres;
use tempfile::TempDir;

/// A database, and where it is.
pub struct TestDatabase {
    pub name: &'static str,
    pub location: DatabaseLocation,
    pub store: Store,
    _directory: TempDir,
}

impl TestDatabase {
    async fn at(name: &'static str, location: DatabaseLocation, directory: TempDir) -> Self {
        let store = Store::create(&location).await.unwrap();
        Self {
            name,
            location,
            store,
            _directory: directory,
        }
    }

    /// Returns a file of SQLite's.
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::at("sqlite", file(&directory), directory).await
    }

    /// Returns a database on the server that the tests of this process share. Its default collation
    /// is not that of bytes.
    pub async fn postgres() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::at("postgres", server(&TestPostgres::shared()), directory).await
    }

    /// Returns one of each kind.
    pub async fn each() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    /// Returns the file of a database that is one.
    pub fn file(&self) -> PathBuf {
        match &self.location {
            DatabaseLocation::File(file) => file.clone(),
            DatabaseLocation::Server(server) => panic!("{server:?} is no file"),
        }
    }
}

pub fn file(directory: &TempDir) -> DatabaseLocation {
    DatabaseLocation::File(directory.path().join("eklavya.db"))
}

pub fn server(url: &str) -> DatabaseLocation {
    let url = server_url::parse(url).unwrap();
    DatabaseLocation::Server(Box::new(PostgresServer::new(&url, None).unwrap()))
}

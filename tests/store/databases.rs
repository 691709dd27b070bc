//! Databases for tests: one of each kind, with the schema and nothing else.

use std::path::PathBuf;

use eklavya_core::domain::server_url;
use eklavya_store::{Location, Server, Store};
use tempfile::TempDir;

use crate::postgres::Postgres;

/// A database, and where it is.
pub struct Database {
    pub name: &'static str,
    pub location: Location,
    pub store: Store,
    _place: TempDir,
}

impl Database {
    async fn at(name: &'static str, location: Location, place: TempDir) -> Self {
        let store = Store::create(&location).await.unwrap();
        Self {
            name,
            location,
            store,
            _place: place,
        }
    }

    /// Returns a file of SQLite's.
    pub async fn sqlite() -> Self {
        let place = tempfile::tempdir().unwrap();
        Self::at("sqlite", file(&place), place).await
    }

    /// Returns a database on the server that the tests of this process share. Its default collation
    /// is not that of bytes.
    pub async fn postgres() -> Self {
        let place = tempfile::tempdir().unwrap();
        Self::at("postgres", server(&Postgres::shared()), place).await
    }

    /// Returns one of each kind.
    pub async fn each() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    /// Returns the file of a database that is one.
    pub fn file(&self) -> PathBuf {
        match &self.location {
            Location::File(file) => file.clone(),
            Location::Server(server) => panic!("{server:?} is no file"),
        }
    }
}

pub fn file(place: &TempDir) -> Location {
    Location::File(place.path().join("eklavya.db"))
}

pub fn server(url: &str) -> Location {
    let url = server_url::parse(url).unwrap();
    Location::Server(Box::new(Server::new(&url, None).unwrap()))
}

//! Where the database is.

use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of SQLite's.
    File(PathBuf),
    /// A PostgreSQL server.
    Server(Box<Server>),
}

/// A database on a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct Server {
    url: Url,
    password: Option<SecretString>,
    options: PgConnectOptions,
}

/// A text that names no database on a server.
#[derive(Debug, thiserror::Error)]
#[error(
    "store.url {url:?} is not usable: {reason}; write it like postgres://user@host:5432/database"
)]
pub struct BadServer {
    /// The URL without its password.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Server {
    /// Returns the server at `url`; `password` counts more than one in the URL.
    pub fn new(url: &Url, password: Option<SecretString>) -> Result<Self, BadServer> {
        let bad = |reason: &str| BadServer {
            url: without_password(url),
            reason: reason.to_owned(),
        };
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(bad("its scheme is not postgres"));
        }
        // Left out, the driver would fill in a user and the database of that name.
        if url.username().is_empty() {
            return Err(bad("it names no user"));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(bad("it names no database"));
        }
        let options = PgConnectOptions::from_str(url.as_str()).map_err(|e| bad(&e.to_string()))?;
        let options = match &password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        };
        let mut url = url.clone();
        let in_url = url.password().map(SecretString::from);
        // Such a URL has a host, so it can have a password, and none.
        let _ = url.set_password(None);
        Ok(Self {
            url,
            password: password.or(in_url),
            options,
        })
    }

    /// Returns the database's URL as it may be shown.
    pub fn shown(&self) -> String {
        without_password(&self.url)
    }

    /// Returns the user who connects.
    pub fn user(&self) -> String {
        self.url.username().to_owned()
    }

    /// Whether there is a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

/// Returns a URL without its password and its query, in which there can be one too.
fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.to_string()
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::File(file) => write!(f, "{}", file.display()),
            Location::Server(server) => f.write_str(&server.shown()),
        }
    }
}

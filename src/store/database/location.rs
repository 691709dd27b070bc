//! The location of the database.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use eklavya_core::secret::server_url;

/// The timeout of a connection whose URL sets none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The supported query parameters; the URL itself has the driver's other settings.
const PARAMETERS: [&str; 7] = [
    "host",
    "hostaddr",
    "port",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

/// Connection timeout in seconds, as in all PostgreSQL clients
/// (<https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-CONNECT-CONNECT-TIMEOUT>); the
/// driver does not know it.
const TIMEOUT_PARAMETER: &str = "connect_timeout";

#[derive(Debug, Clone)]
pub enum DatabaseLocation {
    /// A SQLite file.
    File(PathBuf),
    Server(Box<PostgresServer>),
}

/// A database on a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresServer {
    url: Url,
    options: PgConnectOptions,
    connect_timeout: Duration,
}

/// Why a URL is not the location of a database on a server.
#[derive(Debug, thiserror::Error)]
#[error("{url:?} is not usable: {reason}; write it like postgres://user@host:5432/database")]
pub struct InvalidDatabaseUrl {
    /// The URL without its password.
    pub url: String,
    pub reason: String,
}

impl PostgresServer {
    /// Returns the server at `url`; `password` overrides a password in the URL.
    pub fn new(url: &Url, password: Option<SecretString>) -> Result<Self, InvalidDatabaseUrl> {
        let shown = server_url::redact(url);
        let bad = |reason: String| InvalidDatabaseUrl {
            url: shown.to_string(),
            reason,
        };
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(bad("its scheme is not postgres".to_owned()));
        }
        // The driver would default to some user and the database of that name.
        if url.username().is_empty() {
            return Err(bad("it names no user".to_owned()));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(bad("it names no database".to_owned()));
        }
        let (driven, connect_timeout) = split_parameters(url).map_err(bad)?;
        // The driver's message may quote the value.
        let options = PgConnectOptions::from_str(driven.as_str())
            .map_err(|_| bad("a value in its query is not valid".to_owned()))?;
        let options = match password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        };
        Ok(Self {
            url: shown,
            options,
            connect_timeout,
        })
    }

    /// Returns the URL without its password, for display.
    pub fn display_url(&self) -> String {
        self.url.to_string()
    }

    pub fn user(&self) -> String {
        self.url.username().to_owned()
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Returns the timeout of a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
}

/// Removes the query parameters that the driver does not know, and refuses unknown ones: the driver
/// would log them, and one may be a mistyped password.
fn split_parameters(url: &Url) -> Result<(Url, Duration), String> {
    let mut timeout = CONNECT_TIMEOUT;
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs() {
        if name == TIMEOUT_PARAMETER {
            let seconds = value.parse().ok().filter(|seconds| *seconds > 0);
            let seconds = seconds.ok_or("its connect_timeout is not a number of seconds")?;
            timeout = Duration::from_secs(seconds);
        } else if name == "password" {
            let place = "put its password before the @, or better into a file";
            return Err(place.to_owned());
        } else if PARAMETERS.contains(&&*name) {
            kept.push((name.into_owned(), value.into_owned()));
        } else {
            let known = PARAMETERS.join(", ");
            let reason = format!("its query may only contain {known} and {TIMEOUT_PARAMETER}");
            return Err(reason);
        }
    }
    let mut driven = url.clone();
    driven.set_query(None);
    if !kept.is_empty() {
        driven.query_pairs_mut().extend_pairs(kept);
    }
    Ok((driven, timeout))
}

/// The driver's options contain the password.
impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.url.as_str()).finish()
    }
}

impl std::fmt::Display for DatabaseLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DatabaseLocation::File(file) => write!(f, "{}", file.display()),
            DatabaseLocation::Server(server) => f.write_str(&server.display_url()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<PostgresServer, InvalidDatabaseUrl> {
        PostgresServer::new(&server_url::parse(url).unwrap(), None)
    }

    #[test]
    fn the_connection_options_come_from_the_url() {
        let by_socket = server("postgres://me@/shop?host=/run/pg&port=5433").unwrap();
        assert_eq!(by_socket.options.get_socket().unwrap(), "/run/pg");
        assert_eq!(by_socket.options.get_port(), 5433);
        let by_host = server("postgresql://me@%2Frun%2Fpg/shop?connect_timeout=3").unwrap();
        assert_eq!(by_host.options.get_socket().unwrap(), "/run/pg");
        assert_eq!(by_host.connect_timeout, Duration::from_secs(3));
        let odd = server("postgres://m%40e:p%40w@db/sh%20op").unwrap();
        assert_eq!(odd.options.get_username(), "m@e");
        assert_eq!(odd.options.get_database(), Some("sh op"));
    }

    #[test]
    fn invalid_urls_are_refused_without_showing_secrets() {
        for url in [
            "mysql://me:hunter2@db/shop",
            "postgres://db/shop",
            "postgres://me:hunter2@db",
            "postgres://me:hunter2@db/",
            "postgres://me@db/shop?password=hunter2",
            "postgres://me@db/shop?passwrd=hunter2",
            "postgres://me@db/shop?sslmode=hunter2",
            "postgres://me@db/shop?port=hunter2",
            "postgres://me@db/shop?connect_timeout=hunter2",
            "postgres://me@db/shop?connect_timeout=0",
            "postgres://me@db/shop?user=hunter2",
        ] {
            let error = server(url).unwrap_err().to_string();
            let shows_mode = url.contains("sslmode=") || url.contains("port=");
            assert!(shows_mode || !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_output_has_no_password() {
        let server = server("postgres://me:hunter2@db/shop").unwrap();
        let location = DatabaseLocation::Server(Box::new(server));
        assert_eq!(
            format!("{location:?}"),
            "Server(Server(\"postgres://me@db/shop\"))"
        );
    }
}

//! The names of databases on the command line.

use camino::Utf8PathBuf;
use eklavya_config::RemoteServer;
use eklavya_core::secret::server_url;
use eklavya_store::{DatabaseLocation, PostgresServer};

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, data_store};

/// The hint that lists the forms of a location.
pub const LOCATIONS: &str =
    "A database is one of: sqlite, sqlite:PATH, postgres://user@host/database, store";

/// Returns the database that `text` names. `password_file` belongs to a server; without it, the server
/// of store.url has its password from store.passwordFile.
pub fn parse_location(
    invocation: &CommandInvocation,
    text: &str,
    password_file: Option<&Utf8PathBuf>,
) -> Result<DatabaseLocation, CommandError> {
    if text == "store" {
        return data_store::location(invocation);
    }
    if text == "sqlite" {
        return Ok(DatabaseLocation::File(
            invocation.home.database_file().into(),
        ));
    }
    if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Ok(DatabaseLocation::File(
            invocation.working_directory.join(path).into(),
        ));
    }
    let url = server_url::parse(text).map_err(|error| {
        let shown = if text.contains('@') { "…@…" } else { text };
        CommandError::usage(format!(
            "{shown:?} is not the location of a database: {error}"
        ))
        .with_hint(LOCATIONS)
    })?;
    let configured = invocation.config()?.store.as_ref();
    let same =
        configured.filter(|store| server_url::redact(&store.url) == server_url::redact(&url));
    let password_file = match password_file {
        Some(file) => Some(invocation.working_directory.join(file)),
        None => same.and_then(|store| store.password_file.clone()),
    };
    let remote = RemoteServer { url, password_file };
    let server = PostgresServer::new(&remote.url, remote.read_password()?)
        .map_err(|error| CommandError::usage(error.to_string()).with_hint(LOCATIONS))?;
    Ok(DatabaseLocation::Server(Box::new(server)))
}

//! The names of databases on the command line.

use camino::Utf8PathBuf;
use eklavya_config::Remote;
use eklavya_core::domain::server_url;
use eklavya_store::{Location, Server};

use crate::desk;
use crate::error::CommandError;
use crate::invocation::Invocation;

/// What names a database, for hints.
pub const LOCATIONS: &str =
    "A database is one of: sqlite, sqlite:PATH, postgres://user@host/database, store";

/// Returns the database that `text` names. `password_file` is for a server; one that store.url names
/// has its password from store.passwordFile.
pub fn location(
    invocation: &Invocation,
    text: &str,
    password_file: Option<&Utf8PathBuf>,
) -> Result<Location, CommandError> {
    if text == "store" {
        return desk::location(invocation);
    }
    if text == "sqlite" {
        return Ok(Location::File(invocation.home.database().into()));
    }
    if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Ok(Location::File(
            invocation.working_directory.join(path).into(),
        ));
    }
    let url = server_url::parse(text).map_err(|error| {
        let shown = if text.contains('@') { "…@…" } else { text };
        CommandError::usage(format!("{shown:?} names no database: {error}")).hint(LOCATIONS)
    })?;
    let configured = invocation.config()?.store.as_ref();
    let same = configured.filter(|store| server_url::shown(&store.url) == server_url::shown(&url));
    let password_file = match password_file {
        Some(file) => Some(invocation.working_directory.join(file)),
        None => same.and_then(|store| store.password_file.clone()),
    };
    let remote = Remote { url, password_file };
    let server = Server::new(&remote.url, remote.password()?)
        .map_err(|error| CommandError::usage(error.to_string()).hint(LOCATIONS))?;
    Ok(Location::Server(Box::new(server)))
}

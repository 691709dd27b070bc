//! The desk of a command: the opened store, the clock, and who is acting.

use std::sync::Arc;

use eklavya::clock::SystemClock;
use eklavya::domain::audit::Actor;
use eklavya::services::Desk;
use eklavya::store::{Location, Server, Store};
use nix::unistd::{User, getuid};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::runtime;

/// Opens the store and does `work`, which looks at it or changes it once.
pub fn with<T>(
    invocation: &Invocation,
    work: impl AsyncFnOnce(Desk) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    // A mistake in the configuration is told by every command, not only when it matters.
    invocation.config()?;
    runtime::short(async { work(open(invocation).await?).await })
}

/// Opens the store.
pub async fn open(invocation: &Invocation) -> Result<Desk, CommandError> {
    let store = Store::open(&location(invocation)?).await?;
    at(invocation, store)
}

/// Returns the desk over an open store, whose audit trail shows no secret of the configuration.
pub fn at(invocation: &Invocation, store: Store) -> Result<Desk, CommandError> {
    let secrets = invocation.config()?.secrets();
    Ok(Desk::new(store, Arc::new(SystemClock)).hiding(secrets))
}

/// Returns where the configuration says that the database is.
pub fn location(invocation: &Invocation) -> Result<Location, CommandError> {
    let Some(remote) = &invocation.config()?.store else {
        let file = invocation.home.database().into_std_path_buf();
        return Ok(Location::File(file));
    };
    let server = Server::new(&remote.url, remote.password()?)
        .map_err(|error| CommandError::usage(error.to_string()))?;
    Ok(Location::Server(Box::new(server)))
}

/// Returns the person at the command line: the host's user.
pub fn actor() -> Actor {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    Actor::Admin(name.unwrap_or_else(|| uid.to_string()))
}

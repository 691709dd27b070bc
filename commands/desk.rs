//! The desk of a command: the opened store, the clock, and who is acting.

use std::sync::Arc;

use eklavya_core::clock::SystemClock;
use eklavya_core::domain::audit::Actor;
use eklavya_services::Desk;
use eklavya_services::bus::{self, Bus, WhenAway};
use eklavya_services::secrets::{self, Vault};
use eklavya_store::{Location, Server, Store, installation};
use nix::unistd::{User, getuid};

use crate::error::CommandError;
use crate::invocation::Invocation;
use crate::runtime;

/// Opens the store and does `work`, which looks at it or changes it once. A bus that is away does
/// not stop it: the database has everything.
pub fn with<T>(
    invocation: &Invocation,
    work: impl AsyncFnOnce(Desk) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    // A mistake in the configuration is told by every command, not only when it matters.
    invocation.config()?;
    runtime::short(async {
        let desk = open_to_look(invocation).await?;
        let done = work(desk.clone()).await;
        // Others are to hear at once of what was changed.
        desk.settle().await;
        done
    })
}

/// Opens the store and the bus, for whatever goes as well without others hearing of it at once.
pub async fn open_to_look(invocation: &Invocation) -> Result<Desk, CommandError> {
    opened(invocation, WhenAway::Warn).await
}

/// Opens the store and the bus, for agents to work.
pub async fn open(invocation: &Invocation) -> Result<Desk, CommandError> {
    opened(invocation, WhenAway::Refuse).await
}

async fn opened(invocation: &Invocation, when_away: WhenAway) -> Result<Desk, CommandError> {
    let store = Store::open(&location(invocation)?).await?;
    let bus = match bus_server(invocation)? {
        Some(server) => Bus::open(server, installation::id(&store).await?, when_away).await?,
        None => Bus::in_process(),
    };
    let desk = Desk::with_bus(store, Arc::new(SystemClock), bus);
    let desk = desk.hiding(invocation.redactor.clone());
    secrets::hide_all(&desk, &vault(invocation)?).await?;
    Ok(desk)
}

/// Returns where the key of secrets is.
pub fn vault(invocation: &Invocation) -> Result<Vault, CommandError> {
    let file = invocation.config()?.secret_key();
    Ok(Vault::at(file.as_std_path()))
}

/// Returns the server that the configuration names as the bus, if it names one.
pub fn bus_server(invocation: &Invocation) -> Result<Option<bus::Server>, CommandError> {
    let Some(remote) = &invocation.config()?.bus else {
        return Ok(None);
    };
    Ok(Some(bus::Server::new(&remote.url, remote.password()?)?))
}

/// Returns where the configuration says that the database is.
pub fn location(invocation: &Invocation) -> Result<Location, CommandError> {
    let Some(remote) = &invocation.config()?.store else {
        let file = invocation.home.database().into_std_path_buf();
        return Ok(Location::File(file));
    };
    let server = Server::new(&remote.url, remote.password()?)
        .map_err(|error| CommandError::usage(format!("store.url {error}")))?;
    Ok(Location::Server(Box::new(server)))
}

/// Returns the person at the command line: the host's user.
pub fn actor() -> Actor {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    Actor::Admin(name.unwrap_or_else(|| uid.to_string()))
}

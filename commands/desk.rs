//! The desk of a command: the opened store, the clock, and who is acting.

use std::sync::Arc;

use eklavya::clock::SystemClock;
use eklavya::domain::audit::Actor;
use eklavya::services::Desk;
use eklavya::store::Store;
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
    let store = Store::open(invocation.home.database().as_std_path()).await?;
    Ok(Desk::new(store, Arc::new(SystemClock)))
}

/// Returns the person at the command line: the host's user.
pub fn actor() -> Actor {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    Actor::Admin(name.unwrap_or_else(|| uid.to_string()))
}

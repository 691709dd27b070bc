//! Opens the data store of a command, and returns the acting user.

use std::sync::Arc;

use eklavya_core::audit::AuditActor;
use eklavya_core::clock::SystemClock;
use eklavya_services::DataStore;
use eklavya_services::bus::{self, Bus, OnUnavailable};
use eklavya_services::secrets::{self, SecretVault};
use eklavya_store::{DatabaseLocation, PostgresServer, Store, installation};
use nix::unistd::{User, getuid};

use crate::error::CommandError;
use crate::invocation::{CommandInvocation, runtime};

/// Opens the store for short `work`: a query or a single change. An unavailable bus is only a warning,
/// because the database has everything.
pub fn with_data_store<T>(
    invocation: &CommandInvocation,
    work: impl AsyncFnOnce(DataStore) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    // Every command reports a mistake in the configuration, even in keys that it does not use.
    invocation.config()?;
    runtime::run_short(async {
        let data = open_for_reading(invocation).await?;
        let done = work(data.clone()).await;
        // Other processes must learn of the change at once.
        data.flush().await;
        data.store.close_at_exit().await;
        done
    })
}

/// Opens the store and the bus; an unavailable bus is only a warning.
pub async fn open_for_reading(invocation: &CommandInvocation) -> Result<DataStore, CommandError> {
    open_with_bus(invocation, OnUnavailable::Warn).await
}

/// Opens the store and the bus for the work of agents; an unavailable bus is an error.
pub async fn open(invocation: &CommandInvocation) -> Result<DataStore, CommandError> {
    open_with_bus(invocation, OnUnavailable::Refuse).await
}

async fn open_with_bus(
    invocation: &CommandInvocation,
    on_unavailable: OnUnavailable,
) -> Result<DataStore, CommandError> {
    let store = Store::open(&location(invocation)?).await?;
    let bus = match bus_server(invocation)? {
        Some(server) => {
            Bus::open(
                server,
                installation::ensure_id(&store).await?,
                on_unavailable,
            )
            .await?
        }
        None => Bus::in_process(),
    };
    let data = DataStore::with_bus(store, Arc::new(SystemClock), bus);
    let data = data.with_redactor(invocation.redactor.clone());
    if data.store.may_have_secrets() {
        secrets::redact_all(&data, &vault(invocation)?).await?;
    }
    Ok(data)
}

/// Returns the vault with the key of secrets.
pub fn vault(invocation: &CommandInvocation) -> Result<SecretVault, CommandError> {
    let file = invocation.config()?.secret_key_path();
    Ok(SecretVault::at(file.as_std_path()))
}

/// Returns the Redis server of `bus.url`, if it is set.
pub fn bus_server(
    invocation: &CommandInvocation,
) -> Result<Option<bus::RedisServer>, CommandError> {
    let Some(remote) = &invocation.config()?.bus else {
        return Ok(None);
    };
    Ok(Some(bus::RedisServer::new(
        &remote.url,
        remote.read_password()?,
    )?))
}

/// Returns the location of the database.
pub fn location(invocation: &CommandInvocation) -> Result<DatabaseLocation, CommandError> {
    let Some(remote) = &invocation.config()?.store else {
        let file = invocation.home.database_file().into_std_path_buf();
        return Ok(DatabaseLocation::File(file));
    };
    let server = PostgresServer::new(&remote.url, remote.read_password()?)
        .map_err(|error| CommandError::usage(format!("store.url {error}")))?;
    Ok(DatabaseLocation::Server(Box::new(server)))
}

/// Returns the user of this process, as the admin in the audit trail.
pub fn current_actor() -> AuditActor {
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    AuditActor::Admin(name.unwrap_or_else(|| uid.to_string()))
}

//! Connects to the server and checks that it is usable as the bus.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, RedisError, cmd};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::server::{RedisServer, lacks_resp3};
use crate::bus::error::BusError;

/// The timeout of an answer. Redis answers within a millisecond; a slower one must not delay the
/// work, which continues with the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of connecting, with all checks.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Older versions are not maintained.
const OLDEST_VERSION: (u32, u32) = (6, 2);

/// A connection to a usable server.
pub(crate) struct EstablishedConnection {
    pub connection: MultiplexedConnection,
    /// Push messages: events, and the end of the connection.
    pub pushes: UnboundedReceiver<PushInfo>,
    pub version: String,
}

pub(super) async fn connect(
    server: &RedisServer,
    channel: &str,
) -> Result<EstablishedConnection, BusError> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, try_connect(server, channel));
    connecting.await.unwrap_or_else(|_| {
        Err(server.unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))
    })
}

async fn try_connect(
    server: &RedisServer,
    channel: &str,
) -> Result<EstablishedConnection, BusError> {
    if server.is_encrypted() {
        // Another caller may have installed the same provider; the program has only one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let (sender, pushes) = unbounded_channel();
    let config = connection_config().set_push_sender(sender);
    let client = Client::open(server.info()).map_err(|error| server.to_bus_error(&error))?;
    let mut connection = match open_connection(&client, &config).await {
        Err(error) if lacks_resp3(&error) => {
            let found = read_resp2_version(server).await;
            return Err(server.too_old(found.unwrap_or_else(|| "5 or older".to_owned())));
        }
        opened => opened.map_err(|error| server.to_bus_error(&error))?,
    };
    let version = require_version(server, &mut connection).await?;
    let subscribed = connection.subscribe(channel).await;
    subscribed.map_err(|error| server.to_bus_error(&error))?;
    Ok(EstablishedConnection {
        connection,
        pushes,
        version,
    })
}

fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

async fn open_connection(
    client: &Client,
    config: &AsyncConnectionConfig,
) -> Result<MultiplexedConnection, RedisError> {
    client
        .get_multiplexed_async_connection_with_config(config)
        .await
}

/// Asks an old server for its version, in protocol version 2.
async fn read_resp2_version(server: &RedisServer) -> Option<String> {
    let info = server.info();
    let settings = info.redis_settings().clone();
    let info = info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP2));
    let client = Client::open(info).ok()?;
    let mut connection = open_connection(&client, &connection_config()).await.ok()?;
    read_version(&mut connection).await.ok().flatten()
}

async fn require_version(
    server: &RedisServer,
    connection: &mut MultiplexedConnection,
) -> Result<String, BusError> {
    let version = read_version(connection)
        .await
        .map_err(|error| server.to_bus_error(&error))?
        .ok_or_else(|| server.not_redis("it reports no version"))?;
    if parse_version(&version).is_none_or(|numbers| numbers < OLDEST_VERSION) {
        return Err(server.too_old(version));
    }
    Ok(version)
}

async fn read_version(
    connection: &mut MultiplexedConnection,
) -> Result<Option<String>, RedisError> {
    let info: String = cmd("INFO").arg("server").query_async(connection).await?;
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"));
    // Shown to the user, whatever it contains.
    Ok(version.map(|version| version.trim().chars().take(30).collect()))
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("7.0.15"), Some((7, 0)));
        assert!(parse_version("10.0.0") > Some(OLDEST_VERSION));
        assert!(parse_version("6.0.16") < Some(OLDEST_VERSION));
        assert_eq!(parse_version("255.255.255"), Some((255, 255)));
        for nonsense in ["", "7", "x.y", "-1.2"] {
            assert_eq!(parse_version(nonsense), None, "{nonsense}");
        }
    }
}

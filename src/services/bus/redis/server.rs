//! The location of the Redis server, and the errors of an unusable one.

use ::redis::{ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::bus::error::BusError;

/// A Redis server; `Debug` shows no password.
#[derive(Clone)]
pub struct RedisServer {
    info: ConnectionInfo,
    shown: String,
}

impl RedisServer {
    /// Returns the server at `url`: `redis://user@host:6379/0`, `rediss://…` for TLS, or
    /// `unix:///run/redis.sock`. `password` overrides a password in the URL.
    pub fn new(url: &Url, password: Option<SecretString>) -> Result<Self, BusError> {
        let shown = without_password(url);
        let bad = |reason: &str| BusError::Url {
            url: shown.clone(),
            reason: reason.to_owned(),
        };
        // The driver would accept passwords there, and an option that disables certificate checks.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        // The driver's errors name the part of the URL, never its content.
        let info = url.clone().into_connection_info();
        let info = info.map_err(|error| bad(&error.to_string()))?;
        let mut settings = info.redis_settings().clone();
        if let Some(password) = password {
            settings = settings.set_password(password.expose_secret());
        }
        // Events arrive on the same connection as answers.
        let settings = settings.set_protocol(::redis::ProtocolVersion::RESP3);
        Ok(Self {
            info: info.set_redis_settings(settings),
            shown,
        })
    }

    /// Returns the URL without its password, for display.
    pub fn display_url(&self) -> &str {
        &self.shown
    }

    /// Connects once and returns the server's version.
    pub async fn probe(&self) -> Result<String, BusError> {
        let connected = super::connect::connect(self, "eklavya:probe").await?;
        Ok(connected.version)
    }

    pub(super) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// Removes the password from a text: servers before version 6 quote unknown commands.
    fn redact(&self, text: &str) -> String {
        match self.info.redis_settings().password() {
            Some(password) if !password.is_empty() => text.replace(password, "…"),
            _ => text.to_owned(),
        }
    }

    pub(super) fn unreachable(&self, reason: impl Into<String>) -> BusError {
        BusError::Unreachable {
            url: self.shown.clone(),
            reason: reason.into(),
        }
    }

    pub(super) fn too_old(&self, found: impl Into<String>) -> BusError {
        BusError::TooOld {
            url: self.shown.clone(),
            found: found.into(),
        }
    }

    pub(super) fn not_redis(&self, reason: impl Into<String>) -> BusError {
        BusError::NotRedis {
            url: self.shown.clone(),
            reason: reason.into(),
        }
    }

    /// Returns the error of the server for a driver's error.
    pub(super) fn to_bus_error(&self, error: &RedisError) -> BusError {
        let unauthorized = |problem| BusError::Unauthorized {
            url: self.shown.clone(),
            problem,
        };
        match (error.kind(), error.code()) {
            (_, Some("NOAUTH")) => unauthorized("requires a password, but none is configured"),
            (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS")) => {
                unauthorized("refused the user or the password")
            }
            (ErrorKind::Io, _) => self.unreachable(self.redact(&error.to_string())),
            (ErrorKind::Parse, _) => {
                self.not_redis("its answer is not in the Redis protocol".to_owned())
            }
            _ => BusError::Refused {
                url: self.shown.clone(),
                reason: self.redact(&error.to_string()),
            },
        }
    }
}

/// Returns whether the server lacks protocol version 3, which Redis 6 introduced.
pub(super) fn lacks_resp3(error: &RedisError) -> bool {
    error.kind() == ErrorKind::RESP3NotSupported
        || error
            .detail()
            .is_some_and(|detail| detail.starts_with("unknown command") && detail.contains("HELLO"))
}

fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    // A URL without a host has no password.
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

impl std::fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisServer").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, password: Option<&str>) -> Result<RedisServer, BusError> {
        RedisServer::new(&Url::parse(url).unwrap(), password.map(SecretString::from))
    }

    #[test]
    fn the_connection_settings_come_from_the_url() {
        let taken = |url: &str, password| {
            let info = server(url, password).unwrap().info();
            let settings = info.redis_settings();
            let own = |text: Option<&str>| text.unwrap_or("-").to_owned();
            let (user, password) = (own(settings.username()), own(settings.password()));
            format!("{} {user} {password} {}", info.addr(), settings.db())
        };
        assert_eq!(taken("redis://localhost", None), "localhost:6379 - - 0");
        let whole = "redis://ada:s%40fe@[::1]:7000/3";
        assert_eq!(taken(whole, None), "::1:7000 ada s@fe 3");
        assert_eq!(taken(whole, Some("new")), "::1:7000 ada new 3");
        assert_eq!(taken("rediss://h:7", None), "h:7 - - 0");
        let socket = taken("unix:///run/redis.sock", Some("x"));
        assert_eq!(socket, "/run/redis.sock - x 0");
    }

    #[test]
    fn invalid_urls_are_refused_without_showing_the_password() {
        for url in [
            "redis://:secret@h/x",
            "redis://:secret@h/0?protocol=2",
            "rediss://:secret@h/#insecure",
            "unix:///run/redis.sock?pass=secret",
            "http://:secret@h",
        ] {
            let error = server(url, None).unwrap_err().to_string();
            assert!(error.contains("bus.url"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let shown = format!(
            "{:?}",
            server("redis://:secret@h/0", Some("secret")).unwrap()
        );
        assert_eq!(shown, "RedisServer(\"redis://h/0\")");
    }

    #[test]
    fn a_password_that_the_server_quotes_is_not_shown() {
        let server = server("redis://:secret@h", None).unwrap();
        let quoted = "unknown command, with args beginning with: `AUTH`, `secret`";
        let kind = ErrorKind::Server(::redis::ServerErrorKind::ResponseError);
        let error = RedisError::from((kind, "it said", quoted.to_owned()));
        let message = server.to_bus_error(&error).to_string();
        assert!(message.contains("`AUTH`, `…`"), "{message}");
    }
}

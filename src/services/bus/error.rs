//! Errors of the bus.

/// Why a Redis server is not usable as the bus. No message contains a password.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error(
        "bus.url {url:?} is not usable: {reason}; write it like redis://host:6379 or \
         unix:///run/redis.sock"
    )]
    Url {
        /// The URL without its password.
        url: String,
        reason: String,
    },
    #[error("cannot reach Redis at {url}: {reason}")]
    Unreachable {
        /// The URL without its password.
        url: String,
        reason: String,
    },
    /// The server refuses the password, or requires one.
    #[error("Redis at {url} {problem}")]
    Unauthorized {
        /// The URL without its password.
        url: String,
        /// The refusal in words.
        problem: &'static str,
    },
    /// The server is not Redis.
    #[error("the server at {url} is not Redis: {reason}")]
    NotRedis {
        /// The URL without its password.
        url: String,
        reason: String,
    },
    /// The server is older than the oldest supported version.
    #[error("Redis at {url} has version {found}; Eklavya needs 6.2 or later (7 is recommended)")]
    TooOld {
        /// The URL without its password.
        url: String,
        found: String,
    },
    /// The server answers with an error.
    #[error("Redis at {url} refused a command of the bus: {reason}")]
    Refused {
        /// The URL without its password.
        url: String,
        reason: String,
    },
}

impl BusError {
    /// Returns whether the server is only unreachable, and may come back.
    pub fn is_away(&self) -> bool {
        matches!(self, BusError::Unreachable { .. })
    }
}

/// The server is unavailable or not configured. The caller uses the database instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus is unavailable")]
pub struct BusUnavailable;

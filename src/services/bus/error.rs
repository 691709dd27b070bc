//! What can go wrong between the product and its bus.

/// Why a Redis server cannot be the bus. No password is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The URL names no server.
    #[error(
        "bus.url {url:?} is not usable: {reason}; write it like redis://host:6379 or \
         unix:///run/redis.sock"
    )]
    Url {
        /// The URL without its password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers.
    #[error("cannot reach Redis at {place}: {reason}")]
    Unreachable {
        /// The URL without its password.
        place: String,
        /// The reason.
        reason: String,
    },
    /// It wants another password, or one at all.
    #[error("Redis at {place} {problem}")]
    Unauthorized {
        /// The URL without its password.
        place: String,
        /// What it said, in our words.
        problem: &'static str,
    },
    /// Something answers that is not Redis.
    #[error("what answers at {place} is not Redis: {reason}")]
    NotRedis {
        /// The URL without its password.
        place: String,
        /// What is strange about it.
        reason: String,
    },
    /// The server is older than what the bus needs.
    #[error(
        "Redis at {place} is of version {found}; Eklavya needs 6.2 or later, 7 is the one to choose"
    )]
    TooOld {
        /// The URL without its password.
        place: String,
        /// Its version.
        found: String,
    },
    /// It answers, but not as it should.
    #[error("Redis at {place} refuses to be the bus: {reason}")]
    Refused {
        /// The URL without its password.
        place: String,
        /// What it said.
        reason: String,
    },
}

impl BusError {
    /// Whether the server is only away, and may come back as it is configured.
    pub fn is_away(&self) -> bool {
        matches!(self, BusError::Unreachable { .. })
    }
}

/// No server has an answer: there is none, or it is away. The database has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus has no answer at the moment")]
pub struct BusUnavailable;

//! The connection to the server: its state, and the log lines about it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, PushInfo, RedisError};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use super::connect::EstablishedConnection;
use super::server::RedisServer;
use crate::bus::error::BusUnavailable;

/// Why a request has no answer.
pub(crate) enum RequestError {
    Unavailable,
    /// The server refuses the request.
    Refused(RedisError),
}

pub(crate) struct RedisConnection {
    pub server: RedisServer,
    state: Mutex<ConnectionState>,
    lost: Notify,
}

struct ConnectionState {
    connection: Option<MultiplexedConnection>,
    /// Incremented by each connection.
    generation: u64,
    /// Whether a refusal was logged since the connection was made.
    refusal_logged: bool,
}

impl RedisConnection {
    pub fn new(server: RedisServer) -> Self {
        Self {
            server,
            state: Mutex::new(ConnectionState {
                connection: None,
                generation: 0,
                refusal_logged: false,
            }),
            lost: Notify::new(),
        }
    }

    /// Uses a new connection.
    pub(super) fn attach(&self, connected: EstablishedConnection) -> UnboundedReceiver<PushInfo> {
        let mut state = self.lock();
        state.connection = Some(connected.connection);
        state.generation += 1;
        state.refusal_logged = false;
        connected.pushes
    }

    /// Returns the number of the connection, or `None` without a connection.
    pub fn generation(&self) -> Option<u64> {
        let state = self.lock();
        state.connection.as_ref().map(|_| state.generation)
    }

    /// Returns once a connection, possibly an earlier one, is lost.
    pub async fn wait_until_lost(&self) {
        self.lost.notified().await;
    }

    /// Records that the server is unavailable, and logs it once.
    pub fn mark_lost(&self, number: u64, reason: &str) {
        let mut state = self.lock();
        if state.generation != number || state.connection.take().is_none() {
            return;
        }
        drop(state);
        self.warn_unavailable(reason);
        self.lost.notify_one();
    }

    pub fn warn_unavailable(&self, reason: &str) {
        let place = self.server.display_url();
        tracing::warn!(%place, %reason, "Redis is unavailable; using the database instead");
    }

    pub async fn request<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, RequestError> {
        let (number, mut connection) = self.current().ok_or(RequestError::Unavailable)?;
        let answer = question.query_async(&mut connection).await;
        answer.map_err(|error| self.classify_error(number, error))
    }

    /// Sends several commands in one round trip.
    pub async fn request_all<T: FromRedisValue>(
        &self,
        questions: &Pipeline,
    ) -> Result<T, RequestError> {
        let (number, mut connection) = self.current().ok_or(RequestError::Unavailable)?;
        let answer = questions.query_async(&mut connection).await;
        answer.map_err(|error| self.classify_error(number, error))
    }

    /// Turns a refusal into unavailability: the database has the answer either way. It is logged
    /// once, because every request may be refused (a server without memory, a replica).
    pub fn or_unavailable<T>(&self, answer: Result<T, RequestError>) -> Result<T, BusUnavailable> {
        answer.map_err(|fault| {
            if let RequestError::Refused(error) = fault {
                self.warn_refused(&error);
            }
            BusUnavailable
        })
    }

    fn warn_refused(&self, error: &RedisError) {
        if std::mem::replace(&mut self.lock().refusal_logged, true) {
            return;
        }
        let place = self.server.display_url();
        tracing::warn!(%place, %error, "Redis refused a command; using the database instead");
    }

    fn classify_error(&self, number: u64, error: RedisError) -> RequestError {
        if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
            return RequestError::Refused(error);
        }
        self.mark_lost(number, &error.to_string());
        RequestError::Unavailable
    }

    fn current(&self) -> Option<(u64, MultiplexedConnection)> {
        let state = self.lock();
        Some((state.generation, state.connection.clone()?))
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection")
            .field("server", &self.server)
            .field("connection", &self.generation())
            .finish_non_exhaustive()
    }
}

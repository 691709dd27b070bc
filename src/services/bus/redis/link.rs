//! The connection to the server: there or away, and what is said about it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, PushInfo, RedisError};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use super::connect::Connected;
use super::server::Server;
use crate::bus::Away;

/// Why a question has no answer.
pub(super) enum Fault {
    /// The server is away.
    Away,
    /// The server is there and refuses.
    Refused(RedisError),
}

/// The connection to the server.
pub(super) struct Link {
    pub server: Server,
    state: Mutex<State>,
    lost: Notify,
}

struct State {
    connection: Option<MultiplexedConnection>,
    /// Rises with every connection.
    number: u64,
    /// Whether a refusal was told of since the connection was made.
    complained: bool,
}

impl Link {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            state: Mutex::new(State {
                connection: None,
                number: 0,
                complained: false,
            }),
            lost: Notify::new(),
        }
    }

    /// Takes up a connection.
    pub fn begin(&self, connected: Connected) -> UnboundedReceiver<PushInfo> {
        let mut state = self.lock();
        state.connection = Some(connected.connection);
        state.number += 1;
        state.complained = false;
        connected.pushes
    }

    /// Returns the number of the connection; nothing while there is none.
    pub fn number(&self) -> Option<u64> {
        let state = self.lock();
        state.connection.as_ref().map(|_| state.number)
    }

    /// Returns once a connection has been lost, possibly an earlier one.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Notes that the server is away, and says so once.
    pub fn lose(&self, number: u64, reason: &str) {
        let mut state = self.lock();
        if state.number != number || state.connection.take().is_none() {
            return;
        }
        drop(state);
        self.warn_of_absence(reason);
        self.lost.notify_one();
    }

    pub fn warn_of_absence(&self, reason: &str) {
        let place = self.server.shown();
        tracing::warn!(%place, %reason, "Redis is away; the work goes on from the database");
    }

    /// Asks one thing.
    pub async fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, Fault> {
        let (number, mut connection) = self.current().ok_or(Fault::Away)?;
        let answer = question.query_async(&mut connection).await;
        answer.map_err(|error| self.fault(number, error))
    }

    /// Asks several things in one go.
    pub async fn ask_all<T: FromRedisValue>(&self, questions: &Pipeline) -> Result<T, Fault> {
        let (number, mut connection) = self.current().ok_or(Fault::Away)?;
        let answer = questions.query_async(&mut connection).await;
        answer.map_err(|error| self.fault(number, error))
    }

    /// Turns a refusal into absence: the database has the answer either way. It is told of once,
    /// since every question may meet it (a server without memory, a replica).
    pub fn without<T>(&self, answer: Result<T, Fault>) -> Result<T, Away> {
        answer.map_err(|fault| {
            if let Fault::Refused(error) = fault {
                self.complain(&error);
            }
            Away
        })
    }

    fn complain(&self, error: &RedisError) {
        if std::mem::replace(&mut self.lock().complained, true) {
            return;
        }
        let place = self.server.shown();
        tracing::warn!(%place, %error, "Redis refuses; the work goes on from the database");
    }

    fn fault(&self, number: u64, error: RedisError) -> Fault {
        if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
            return Fault::Refused(error);
        }
        self.lose(number, &error.to_string());
        Fault::Away
    }

    fn current(&self) -> Option<(u64, MultiplexedConnection)> {
        let state = self.lock();
        Some((state.number, state.connection.clone()?))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .field("connection", &self.number())
            .finish_non_exhaustive()
    }
}

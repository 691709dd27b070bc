//! A door: the socket that is one agent's only way out of its sandbox.

pub(crate) mod egress_policy;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::egress_policy::EgressPolicy;
use super::gateway::GatewayState;
use eklavya_core::agent::role::Role;
use eklavya_core::clock::SharedClock;
use eklavya_core::hex::LowerHex;
use eklavya_core::ids::{AgentId, ProjectId, TaskId};
use eklavya_core::ledger::BudgetShortage;

/// Requests of one agent in flight at a time; further ones wait.
const MAX_REQUESTS: usize = 32;
/// Connections of one agent to other hosts than the model's at a time; package managers open many.
const MAX_TUNNELS: usize = 128;

/// The agent that a door is opened for, and what it may reach.
#[derive(Debug, Clone)]
pub struct DoorSpec {
    pub project: ProjectId,
    /// The project's name on the command line.
    pub slug: String,
    pub task: TaskId,
    /// The task's name on the command line, e.g. `T3` or `demo-2`; rehearsals match it.
    pub task_key: String,
    pub agent: AgentId,
    pub role: Role,
    /// The attempt at the task, from 1.
    pub attempt: u32,
    /// The directory of the socket; created if it does not exist.
    pub socket_dir: PathBuf,
    /// The user and group that the agent runs as, if they differ from this process's own.
    pub owner: Option<(u32, u32)>,
    /// Values for rehearsals and recordings: `project`, `demo`, `clone`.
    pub variables: BTreeMap<String, String>,
    /// What the agent may reach besides the model.
    pub egress_policy: EgressPolicy,
}

/// Why an agent's requests failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// A spending limit does not cover the request.
    #[error("{0}")]
    OverBudget(Box<BudgetShortage>),
    /// The endpoint does not accept the credential.
    #[error(
        "the model's endpoint rejected the credential (status {status}): {message}; check ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or model.keyFile"
    )]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// The endpoint's error message.
        message: String,
    },
    /// The endpoint cannot be reached or is failing.
    #[error("the model's endpoint is unreachable: {0}; check model.url and the network")]
    Unreachable(String),
    /// The endpoint has no such model.
    #[error("the model's endpoint has no model {model:?}: {message}")]
    ModelNotFound {
        model: String,
        /// The endpoint's error message.
        message: String,
    },
    /// The endpoint's rate limit lasts longer than requests may wait.
    #[error("the model's rate limit did not end within {} s", .0.as_secs())]
    RateLimitedTooLong(Duration),
    /// The rehearsal has no response to the request.
    #[error("{0}")]
    Unscripted(String),
    /// The endpoint rejected the request itself.
    #[error("the model's endpoint rejected a request (status {status}): {message}")]
    Refused {
        status: u16,
        /// The endpoint's error message.
        message: String,
    },
    /// The ledger cannot be written, so the request is not sent.
    #[error("the ledger cannot be written: {0}")]
    Ledger(String),
}

impl DoorError {
    /// Whether the gateway itself refused the request, as opposed to a failure or a refusal by the
    /// endpoint.
    pub(super) fn is_gateway_refusal(&self) -> bool {
        match self {
            DoorError::OverBudget(_)
            | DoorError::RateLimitedTooLong(_)
            | DoorError::Unscripted(_) => true,
            DoorError::Unauthorized { .. }
            | DoorError::Unreachable(_)
            | DoorError::ModelNotFound { .. }
            | DoorError::Refused { .. }
            | DoorError::Ledger(_) => false,
        }
    }
}

/// What an agent's request waits for inside the gateway. Silence during a pause is not the agent's
/// fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPause {
    /// The end of a rate limit.
    RateLimit {
        /// The expected end.
        until: Timestamp,
    },
    /// Budget that other requests in flight have reserved.
    Budget,
}

impl fmt::Display for RequestPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestPause::RateLimit { until } => {
                write!(
                    f,
                    "its request waits for the model's rate limit until {until}"
                )
            }
            RequestPause::Budget => {
                f.write_str("its request waits for budget that other requests have reserved")
            }
        }
    }
}

/// The state of a door that the parts of the gateway share.
#[derive(Debug)]
pub(super) struct DoorState {
    pub spec: Arc<DoorSpec>,
    clock: SharedClock,
    token: SecretString,
    activity: Arc<AtomicI64>,
    in_flight: AtomicUsize,
    active_pauses: Mutex<Vec<RequestPause>>,
    last_error: Mutex<Option<DoorError>>,
    /// Number of requests refused so far. The lock is held while a refusal is recorded.
    pub refusal_count: tokio::sync::Mutex<u32>,
    /// Tasks that must finish: requests that were sent are settled.
    pub tracker: TaskTracker,
    /// Permits for requests in flight.
    pub request_slots: Arc<Semaphore>,
    /// Permits for connections to other hosts than the model's.
    pub connection_slots: Arc<Semaphore>,
    pub closing: CancellationToken,
}

impl DoorState {
    pub fn new(spec: DoorSpec, clock: SharedClock, closing: CancellationToken) -> Self {
        let activity = Arc::new(AtomicI64::new(clock.now().as_microsecond()));
        Self {
            spec: Arc::new(spec),
            clock,
            token: generate_token(),
            activity,
            in_flight: AtomicUsize::new(0),
            active_pauses: Mutex::default(),
            last_error: Mutex::default(),
            refusal_count: tokio::sync::Mutex::default(),
            tracker: TaskTracker::new(),
            request_slots: Arc::new(Semaphore::new(MAX_REQUESTS)),
            connection_slots: Arc::new(Semaphore::new(MAX_TUNNELS)),
            closing,
        }
    }

    /// Records a sign of life.
    pub fn touch(&self) {
        self.activity
            .store(self.clock.now().as_microsecond(), Ordering::Relaxed);
    }

    pub fn matches_token(&self, presented: &[u8]) -> bool {
        self.token
            .expose_secret()
            .as_bytes()
            .ct_eq(presented)
            .into()
    }

    pub fn token(&self) -> &SecretString {
        &self.token
    }

    pub fn record_error(&self, problem: DoorError) {
        // Info level: the code that runs the agent reads the error from the door and reports it.
        tracing::info!(agent = %self.spec.agent, role = %self.spec.role, task = %self.spec.task_key, %problem, "a request failed");
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    pub fn clear_error(&self) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn last_error(&self) -> Option<DoorError> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Counts a request as in flight until the guard is dropped.
    pub fn begin_request(self: &Arc<Self>) -> InFlightGuard {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.touch();
        InFlightGuard(self.clone())
    }

    /// Shows a pause until the guard is dropped.
    pub fn begin_pause(&self, pause: RequestPause) -> PauseGuard<'_> {
        self.active_pauses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pause);
        PauseGuard { door: self, pause }
    }

    pub fn time_after(&self, wait: Duration) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(wait).unwrap_or(now)
    }
}

/// Keeps a request counted as in flight.
#[derive(Debug)]
pub(super) struct InFlightGuard(Arc<DoorState>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}

/// Keeps a pause visible.
#[derive(Debug)]
pub(super) struct PauseGuard<'d> {
    door: &'d DoorState,
    pause: RequestPause,
}

impl Drop for PauseGuard<'_> {
    fn drop(&mut self) {
        let mut pauses = self
            .door
            .active_pauses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = pauses.iter().position(|pause| *pause == self.pause) {
            pauses.swap_remove(at);
        }
        drop(pauses);
        self.door.touch();
    }
}

/// An open door. Dropping it closes the door; requests that were sent are still settled.
#[derive(Debug)]
pub struct AgentDoor {
    pub(super) gateway: Arc<GatewayState>,
    pub(super) state: Arc<DoorState>,
    pub(super) socket: PathBuf,
}

impl AgentDoor {
    /// Returns the key that the agent must present (as `x-api-key` or as a bearer token). It opens
    /// this door only.
    pub fn token(&self) -> &SecretString {
        self.state.token()
    }

    /// Returns what the agent may reach through the door besides the model.
    pub fn egress_policy(&self) -> &EgressPolicy {
        &self.state.spec.egress_policy
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the time of the last sign of life: a request or a chunk of a response.
    #[cfg(test)]
    pub(crate) fn last_activity(&self) -> Timestamp {
        Timestamp::from_microsecond(self.state.activity.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Returns the shared time of the last sign of life, in microseconds since the Unix epoch.
    pub fn shared_activity(&self) -> Arc<AtomicI64> {
        self.state.activity.clone()
    }

    /// Returns the number of requests in flight. The gateway's own timeouts apply to them.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.state.in_flight.load(Ordering::Relaxed)
    }

    /// Returns what a request of the agent waits for inside the gateway, if any.
    pub fn current_pause(&self) -> Option<RequestPause> {
        let pauses = self
            .state
            .active_pauses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        pauses.first().copied()
    }

    /// Returns why the agent's last request failed, or `None` if it succeeded.
    pub fn last_error(&self) -> Option<DoorError> {
        self.state.last_error()
    }

    /// Closes the door, cancels its requests and waits until all of them are settled.
    pub async fn close(self) {
        self.state.closing.cancel();
        self.state.tracker.close();
        self.state.tracker.wait().await;
    }
}

impl Drop for AgentDoor {
    fn drop(&mut self) {
        self.state.closing.cancel();
        self.state.tracker.close();
    }
}

/// Returns 256 random bits as a token. The prefix distinguishes it from a real API key.
fn generate_token() -> SecretString {
    let bits: [u8; 32] = rand::random();
    SecretString::from(format!("eklavya-door-{}", LowerHex(&bits)))
}

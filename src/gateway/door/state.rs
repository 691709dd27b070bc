//! The state of a door that the parts of the gateway share.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::DoorError;
use super::spec::DoorSpec;
use eklavya_core::clock::SharedClock;
use eklavya_core::hex::LowerHex;

/// Requests of one agent in flight at a time; further ones wait.
const MAX_REQUESTS: usize = 32;
/// Connections of one agent to other hosts than the model's at a time; package managers open many.
const MAX_TUNNELS: usize = 128;

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

/// What a door counts, shows and hands out while it is open.
#[derive(Debug)]
pub(crate) struct DoorState {
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

    /// Returns why the last request failed, or `None` if it succeeded.
    pub fn last_error(&self) -> Option<DoorError> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the time of the last sign of life, in microseconds since the Unix epoch.
    pub fn shared_activity(&self) -> Arc<AtomicI64> {
        self.activity.clone()
    }

    #[cfg(test)]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
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

    /// Returns the pause that has been shown for the longest time.
    pub fn current_pause(&self) -> Option<RequestPause> {
        let pauses = self
            .active_pauses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        pauses.first().copied()
    }

    pub fn time_after(&self, wait: Duration) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(wait).unwrap_or(now)
    }
}

/// Keeps a request counted as in flight.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<DoorState>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}

/// Keeps a pause visible.
#[derive(Debug)]
pub(crate) struct PauseGuard<'d> {
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

/// Returns 256 random bits as a token. The prefix distinguishes it from a real API key.
fn generate_token() -> SecretString {
    let bits: [u8; 32] = rand::random();
    SecretString::from(format!("eklavya-door-{}", LowerHex(&bits)))
}

//! The gateway of a process: the state that all of its doors share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agent_door::AgentDoor;
use super::door::socket::{self, SOCKET_NAME};
use super::door::spec::DoorSpec;
use super::door::state::DoorState;
use super::egress::decision::config::EgressConfig;
use super::rehearsal::player::RehearsalPlayer;
use super::rehearsal::recorder::RehearsalRecorder;
use super::rehearsal::script::RehearsalScript;
use super::server;
use crate::model::backend::ModelBackend;
use crate::model::limits::rate_limit_pause::RateLimitPause;
use crate::model::limits::request_rate::RequestRate;
use crate::model::limits::token_count_cache::TokenCountCache;
use crate::model::pricing::PriceTable;
use crate::model::upstream::{UnusableEndpoint, UpstreamClient};
use eklavya_config::ModelCredential;
use eklavya_core::clock::SharedClock;
use eklavya_services::costs::CostTracker;
use eklavya_services::shared_limits::SharedLimits;

/// Large requests that are parsed at a time: each takes several times its size in memory.
const LARGE_BODIES: usize = 2;

/// The source of model responses.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// An endpoint that speaks the Messages API.
    Upstream {
        /// Its URL, without `/v1/messages`.
        url: String,
        credential: ModelCredential,
        /// The account of the credential, if it is not the installation's. Rate limits of the
        /// endpoint are shared within an account.
        account: Option<String>,
    },
    Rehearsal(Arc<RehearsalScript>),
}

/// Timeouts and retries of the gateway.
#[derive(Debug, Clone, Copy)]
pub struct GatewayTimeouts {
    /// Time to connect to the endpoint.
    pub connect: Duration,
    /// Time from sending a request to the head of its response.
    pub first_byte: Duration,
    /// Time between two chunks of a response, and for an agent to accept one.
    pub idle: Duration,
    /// Longest wait for the end of a rate limit, or for budget that requests in flight have
    /// reserved.
    pub max_pause: Duration,
    /// Attempts at a request that fails for a temporary reason.
    pub max_attempts: u32,
    /// Pause before the second attempt; doubled for each further one.
    pub first_backoff: Duration,
}

impl Default for GatewayTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            first_byte: Duration::from_mins(10),
            idle: Duration::from_mins(5),
            max_pause: Duration::from_hours(6),
            max_attempts: 4,
            first_backoff: Duration::from_millis(500),
        }
    }
}

/// Configuration of a gateway.
#[derive(Debug)]
pub struct GatewayConfig {
    pub model: ModelSource,
    pub pricing: Arc<PriceTable>,
    pub costs: CostTracker,
    pub clock: SharedClock,
    /// The name of this process's worker, for the ledger.
    pub worker: String,
    /// Upper bound on the output tokens of any request, in addition to its own `max_tokens`.
    pub max_output_tokens: Option<u64>,
    /// Upper bound on requests to an endpoint per minute, over all workers.
    pub requests_per_minute: Option<u32>,
    pub timeouts: GatewayTimeouts,
    /// Records the responses as a rehearsal.
    pub recorder: Option<Arc<RehearsalRecorder>>,
    /// Egress settings that apply to all agents.
    pub egress: EgressConfig,
}

/// Why a gateway or a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    Upstream(#[from] UnusableEndpoint),
    /// The socket cannot be created.
    #[error("cannot create the agent's gateway socket {}: {source}", socket.display())]
    Door { socket: PathBuf, source: io::Error },
}

/// The state that all doors share.
#[derive(Debug)]
pub(super) struct GatewayState {
    pub backend: ModelBackend,
    pub pricing: Arc<PriceTable>,
    pub costs: CostTracker,
    pub clock: SharedClock,
    pub worker: String,
    pub max_output_tokens: Option<u64>,
    pub timeouts: GatewayTimeouts,
    pub recorder: Option<Arc<RehearsalRecorder>>,
    pub egress: EgressConfig,
    pub rate_limit_pause: RateLimitPause,
    /// `None` if the request rate is not limited.
    pub request_rate: Option<RequestRate>,
    /// `None` for a rehearsal.
    pub token_counts: Option<TokenCountCache>,
    /// Permits for parsing large requests.
    pub large_body_slots: Semaphore,
}

/// The only way out of the agents' sandboxes.
#[derive(Debug)]
pub struct Gateway {
    state: Arc<GatewayState>,
    closing: CancellationToken,
    doors: TaskTracker,
}

impl Gateway {
    /// Prepares a gateway; it does not listen until a door is opened.
    pub fn start(config: GatewayConfig) -> Result<Self, GatewayError> {
        let backend = match config.model {
            ModelSource::Upstream {
                url,
                credential,
                account,
            } => {
                let connect = config.timeouts.connect;
                ModelBackend::Upstream(UpstreamClient::new(&url, credential, account, connect)?)
            }
            ModelSource::Rehearsal(script) => ModelBackend::Rehearsal(RehearsalPlayer::new(script)),
        };
        let limits = SharedLimits::new(config.costs.data().clone());
        // A rehearsal has no limits other than those that it plays.
        let endpoint = backend.endpoint_name();
        let rate_limit_pause =
            RateLimitPause::new(endpoint.clone().map(|name| (limits.clone(), name)));
        let request_limit = endpoint.clone().zip(config.requests_per_minute);
        let bus = config.costs.data().bus.clone();
        let state = GatewayState {
            backend,
            pricing: config.pricing,
            costs: config.costs,
            clock: config.clock,
            worker: config.worker,
            max_output_tokens: config.max_output_tokens,
            timeouts: config.timeouts,
            recorder: config.recorder,
            egress: config.egress,
            rate_limit_pause,
            request_rate: request_limit.map(|(name, count)| RequestRate::new(limits, name, count)),
            token_counts: endpoint.map(|endpoint| TokenCountCache::new(bus, endpoint)),
            large_body_slots: Semaphore::new(LARGE_BODIES),
        };
        Ok(Self {
            state: Arc::new(state),
            closing: CancellationToken::new(),
            doors: TaskTracker::new(),
        })
    }

    /// Opens a door: `gateway.sock` in the directory of `spec`. Must be called in a tokio runtime.
    pub fn open_door(&self, spec: DoorSpec) -> Result<AgentDoor, GatewayError> {
        let socket = spec.socket_dir.join(SOCKET_NAME);
        let listener = socket::bind_socket(&spec.socket_dir, spec.owner).map_err(|source| {
            GatewayError::Door {
                socket: socket.clone(),
                source,
            }
        })?;
        let made = socket::SocketIdentity::in_dir(&spec.socket_dir);
        let closing = self.closing.child_token();
        let state = Arc::new(DoorState::new(spec, self.state.clock.clone(), closing));
        let (gateway, served) = (self.state.clone(), state.clone());
        state.tracker.spawn(async move {
            server::serve(gateway, served.clone(), listener).await;
            if let Err(error) = socket::unlink_socket(&served.spec.socket_dir, made) {
                tracing::warn!(%error, "cannot remove a gateway socket");
            }
            served.tracker.close();
        });
        let tracked = state.clone();
        self.doors
            .spawn(async move { tracked.tracker.wait().await });
        Ok(AgentDoor {
            gateway: self.state.clone(),
            state,
            socket,
        })
    }

    /// Closes all doors and waits until every request that was sent is settled.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.doors.close();
        self.doors.wait().await;
    }
}

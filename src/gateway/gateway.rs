//! The gateway of a process: what all its doors share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::{AgentDoor, DoorSpec, DoorState};
use super::egress::EgressConfig;
use super::rehearsal::player::RehearsalPlayer;
use super::rehearsal::recorder::RehearsalRecorder;
use super::rehearsal::script::RehearsalScript;
use super::server;
use super::socket::{self, SOCKET_NAME};
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

/// Large requests that are checked at a time: each takes several times its size of memory.
const LARGE_BODIES: usize = 2;

/// What answers the agents' requests.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// An endpoint that speaks the Messages API.
    Upstream {
        /// Its URL, without `/v1/messages`.
        url: String,
        /// The real credential.
        credential: ModelCredential,
        /// The account that the credential stands for, where it is not the installation's: limits of
        /// the endpoint are shared by those of one account.
        account: Option<String>,
    },
    /// A rehearsal.
    Rehearsal(Arc<RehearsalScript>),
}

/// How long the gateway waits for what.
#[derive(Debug, Clone, Copy)]
pub struct GatewayTimeouts {
    /// For a connection to the endpoint.
    pub connect: Duration,
    /// From sending a request to the head of its answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer, and for an agent that does not take one.
    pub idle: Duration,
    /// For the end of a rate limit, and for money that requests under way hold.
    pub max_pause: Duration,
    /// Tries of a request that fails for no fault of its own.
    pub max_attempts: u32,
    /// Before the second try; doubled for each further one.
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

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayConfig {
    /// What answers.
    pub model: ModelSource,
    /// The price list.
    pub pricing: Arc<PriceTable>,
    /// The ledger and the limits.
    pub costs: CostTracker,
    /// The time.
    pub clock: SharedClock,
    /// The name of this process's worker; the ledger notes it.
    pub worker: String,
    /// The most output tokens that any request may have, below what it asks for.
    pub max_output_tokens: Option<u64>,
    /// The most requests to an endpoint in any minute, of all workers together.
    pub requests_per_minute: Option<u32>,
    /// Time-outs.
    pub timeouts: GatewayTimeouts,
    /// Writes what is answered as a rehearsal.
    pub recorder: Option<Arc<RehearsalRecorder>>,
    /// What holds for the way beyond the model.
    pub egress: EgressConfig,
}

/// A gateway or a door that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The endpoint cannot be used.
    #[error(transparent)]
    Upstream(#[from] UnusableEndpoint),
    /// The socket cannot be made.
    #[error("cannot open the agent's door {}: {source}", socket.display())]
    Door {
        /// The socket.
        socket: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// What all doors share.
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
    /// Where the number of requests is limited.
    pub request_rate: Option<RequestRate>,
    /// Answers that need not be asked for again.
    pub token_counts: Option<TokenCountCache>,
    /// Places for checking large requests.
    pub large_body_slots: Semaphore,
}

/// The agents' only way out of their sandboxes.
#[derive(Debug)]
pub struct Gateway {
    state: Arc<GatewayState>,
    closing: CancellationToken,
    doors: TaskTracker,
}

impl Gateway {
    /// Prepares a gateway; nothing listens until a door is opened.
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
        // A rehearsal has no limits but those that it plays.
        let endpoint = backend.endpoint_name();
        let park = RateLimitPause::new(endpoint.clone().map(|name| (limits.clone(), name)));
        let turns = endpoint.clone().zip(config.requests_per_minute);
        let bus = config.costs.data().bus.clone();
        let inner = GatewayState {
            backend,
            pricing: config.pricing,
            costs: config.costs,
            clock: config.clock,
            worker: config.worker,
            max_output_tokens: config.max_output_tokens,
            timeouts: config.timeouts,
            recorder: config.recorder,
            egress: config.egress,
            rate_limit_pause: park,
            request_rate: turns.map(|(name, count)| RequestRate::new(limits, name, count)),
            token_counts: endpoint.map(|endpoint| TokenCountCache::new(bus, endpoint)),
            large_body_slots: Semaphore::new(LARGE_BODIES),
        };
        Ok(Self {
            state: Arc::new(inner),
            closing: CancellationToken::new(),
            doors: TaskTracker::new(),
        })
    }

    /// Opens a door: `gateway.sock` in the directory of `spec`. It must be called in a tokio runtime.
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
        let (inner, served) = (self.state.clone(), state.clone());
        state.tracker.spawn(async move {
            server::serve(inner, served.clone(), listener).await;
            if let Err(error) = socket::unlink_socket(&served.spec.socket_dir, made) {
                tracing::warn!(%error, "cannot remove the socket of a door");
            }
            served.tracker.close();
        });
        let tracked = state.clone();
        self.doors
            .spawn(async move { tracked.tracker.wait().await });
        let inner = self.state.clone();
        Ok(AgentDoor {
            gateway: inner,
            state,
            socket,
        })
    }

    /// Closes all doors and waits until everything that was sent is settled.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.doors.close();
        self.doors.wait().await;
    }
}

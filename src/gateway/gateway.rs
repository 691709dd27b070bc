//! The gateway of a process: what all its doors share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backend::Backend;
use super::counted::Counted;
use super::door::{Door, DoorSpec, DoorState};
use super::egress::EgressConfig;
use super::park::Park;
use super::pricing::Pricing;
use super::rehearsal::player::Player;
use super::rehearsal::recorder::Recorder;
use super::rehearsal::script::Script;
use super::server;
use super::socket::{self, SOCKET_NAME};
use super::turns::Turns;
use super::upstream::{Upstream, UpstreamError};
use eklavya_config::Credential;
use eklavya_core::clock::SharedClock;
use eklavya_services::costs::Costs;
use eklavya_services::limits::Limits;

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
        credential: Credential,
        /// The account that the credential stands for, where it is not the installation's: limits of
        /// the endpoint are shared by those of one account.
        account: Option<String>,
    },
    /// A rehearsal.
    Rehearsal(Arc<Script>),
}

/// How long the gateway waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection to the endpoint.
    pub connect: Duration,
    /// From sending a request to the head of its answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer, and for an agent that does not take one.
    pub idle: Duration,
    /// For the end of a rate limit, and for money that requests under way hold.
    pub max_park: Duration,
    /// Tries of a request that fails for no fault of its own.
    pub tries: u32,
    /// Before the second try; doubled for each further one.
    pub first_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            first_byte: Duration::from_mins(10),
            idle: Duration::from_mins(5),
            max_park: Duration::from_hours(6),
            tries: 4,
            first_pause: Duration::from_millis(500),
        }
    }
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayConfig {
    /// What answers.
    pub model: ModelSource,
    /// The price list.
    pub pricing: Arc<Pricing>,
    /// The ledger and the limits.
    pub costs: Costs,
    /// The time.
    pub clock: SharedClock,
    /// The name of this process's worker; the ledger notes it.
    pub worker: String,
    /// The most output tokens that any request may have, below what it asks for.
    pub max_output_tokens: Option<u64>,
    /// The most requests to an endpoint in any minute, of all workers together.
    pub requests_per_minute: Option<u32>,
    /// Time-outs.
    pub patience: Patience,
    /// Writes what is answered as a rehearsal.
    pub recorder: Option<Arc<Recorder>>,
    /// What holds for the way beyond the model.
    pub egress: EgressConfig,
}

/// A gateway or a door that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The endpoint cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
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
pub(super) struct Inner {
    pub backend: Backend,
    pub pricing: Arc<Pricing>,
    pub costs: Costs,
    pub clock: SharedClock,
    pub worker: String,
    pub max_output_tokens: Option<u64>,
    pub patience: Patience,
    pub recorder: Option<Arc<Recorder>>,
    pub egress: EgressConfig,
    pub park: Park,
    /// Where the number of requests is limited.
    pub turns: Option<Turns>,
    /// Answers that need not be asked for again.
    pub counted: Option<Counted>,
    /// Places for checking large requests.
    pub large_bodies: Semaphore,
}

/// The agents' only way out of their sandboxes.
#[derive(Debug)]
pub struct Gateway {
    inner: Arc<Inner>,
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
                let connect = config.patience.connect;
                Backend::Upstream(Upstream::new(&url, credential, account, connect)?)
            }
            ModelSource::Rehearsal(script) => Backend::Rehearsal(Player::new(script)),
        };
        let limits = Limits::new(config.costs.desk().clone());
        // A rehearsal has no limits but those that it plays.
        let endpoint = backend.endpoint();
        let park = Park::new(endpoint.clone().map(|name| (limits.clone(), name)));
        let turns = endpoint.clone().zip(config.requests_per_minute);
        let bus = config.costs.desk().bus.clone();
        let inner = Inner {
            backend,
            pricing: config.pricing,
            costs: config.costs,
            clock: config.clock,
            worker: config.worker,
            max_output_tokens: config.max_output_tokens,
            patience: config.patience,
            recorder: config.recorder,
            egress: config.egress,
            park,
            turns: turns.map(|(name, count)| Turns::new(limits, name, count)),
            counted: endpoint.map(|endpoint| Counted::new(bus, endpoint)),
            large_bodies: Semaphore::new(LARGE_BODIES),
        };
        Ok(Self {
            inner: Arc::new(inner),
            closing: CancellationToken::new(),
            doors: TaskTracker::new(),
        })
    }

    /// Opens a door: `gateway.sock` in the directory of `spec`. It must be called in a tokio runtime.
    pub fn open_door(&self, spec: DoorSpec) -> Result<Door, GatewayError> {
        let socket = spec.socket_dir.join(SOCKET_NAME);
        let listener =
            socket::listen(&spec.socket_dir, spec.owner).map_err(|source| GatewayError::Door {
                socket: socket.clone(),
                source,
            })?;
        let made = socket::Made::within(&spec.socket_dir);
        let closing = self.closing.child_token();
        let state = Arc::new(DoorState::new(spec, self.inner.clock.clone(), closing));
        let (inner, served) = (self.inner.clone(), state.clone());
        state.tracker.spawn(async move {
            server::serve(inner, served.clone(), listener).await;
            if let Err(error) = socket::unlink(&served.spec.socket_dir, made) {
                tracing::warn!(%error, "cannot remove the socket of a door");
            }
            served.tracker.close();
        });
        let tracked = state.clone();
        self.doors
            .spawn(async move { tracked.tracker.wait().await });
        let inner = self.inner.clone();
        Ok(Door {
            inner,
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

//! The gateway of a process, which opens the doors of its agents.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent_door::AgentDoor;
use crate::door::socket::{self, SOCKET_NAME, SocketIdentity};
use crate::door::spec::DoorSpec;
use crate::door::state::DoorState;
use crate::egress::decision::config::EgressConfig;
use crate::egress::state::EgressState;
use crate::model::backend::{ModelBackend, ModelSource};
use crate::model::limits::EndpointLimits;
use crate::model::pricing::PriceTable;
use crate::model::state::{GatewayTimeouts, ModelState};
use crate::model::token_count_cache::TokenCountCache;
use crate::model::upstream::UnusableEndpoint;
use crate::rehearsal::recorder::RehearsalRecorder;
use crate::server::DoorServer;
use eklavya_core::clock::SharedClock;
use eklavya_services::costs::CostTracker;

/// Large requests that are parsed at a time: each takes several times its size in memory.
const LARGE_BODIES: usize = 2;

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

/// The only way out of the agents' sandboxes.
#[derive(Debug)]
pub struct Gateway {
    model: Arc<ModelState>,
    egress: Arc<EgressState>,
    clock: SharedClock,
    closing: CancellationToken,
    doors: TaskTracker,
}

impl Gateway {
    /// Prepares a gateway; it does not listen until a door is opened.
    pub fn start(config: GatewayConfig) -> Result<Self, GatewayError> {
        let backend = ModelBackend::open(config.model, config.timeouts.connect)?;
        let (endpoint, data) = (backend.endpoint_name(), config.costs.data().clone());
        let model = ModelState {
            backend,
            pricing: config.pricing,
            costs: config.costs,
            worker: config.worker,
            max_output_tokens: config.max_output_tokens,
            timeouts: config.timeouts,
            recorder: config.recorder,
            limits: EndpointLimits::new(endpoint.clone(), config.requests_per_minute, &data),
            token_counts: endpoint.map(|name| TokenCountCache::new(data.bus.clone(), name)),
            large_body_slots: Semaphore::new(LARGE_BODIES),
        };
        let egress = EgressState {
            config: config.egress,
            data,
        };
        Ok(Self {
            model: Arc::new(model),
            egress: Arc::new(egress),
            clock: config.clock,
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
        let made = SocketIdentity::in_dir(&spec.socket_dir);
        let closing = self.closing.child_token();
        let state = Arc::new(DoorState::new(spec, self.clock.clone(), closing));
        self.serve(&state, listener, made);
        let tracked = state.clone();
        self.doors
            .spawn(async move { tracked.tracker.wait().await });
        Ok(AgentDoor {
            egress: self.egress.clone(),
            state,
            socket,
        })
    }

    /// Serves a door until it closes, and then removes its socket.
    fn serve(&self, door: &Arc<DoorState>, listener: UnixListener, made: Option<SocketIdentity>) {
        let server = DoorServer {
            model: self.model.clone(),
            egress: self.egress.clone(),
            door: door.clone(),
        };
        let closed = door.clone();
        door.tracker.spawn(async move {
            server.serve(listener).await;
            if let Err(error) = socket::unlink_socket(&closed.spec.socket_dir, made) {
                tracing::warn!(%error, "cannot remove a gateway socket");
            }
            closed.tracker.close();
        });
    }

    /// Closes all doors and waits until every request that was sent is settled.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.doors.close();
        self.doors.wait().await;
    }
}

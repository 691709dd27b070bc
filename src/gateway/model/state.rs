//! What the requests to the model share, over all doors.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::backend::ModelBackend;
use super::limits::EndpointLimits;
use super::pricing::PriceTable;
use super::token_count_cache::TokenCountCache;
use crate::rehearsal::recorder::RehearsalRecorder;
use eklavya_services::costs::CostTracker;

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

/// The state behind the model's routes. Egress has its own, so that it cannot see the credential.
#[derive(Debug)]
pub(crate) struct ModelState {
    pub backend: ModelBackend,
    pub pricing: Arc<PriceTable>,
    pub costs: CostTracker,
    pub worker: String,
    pub max_output_tokens: Option<u64>,
    pub timeouts: GatewayTimeouts,
    pub recorder: Option<Arc<RehearsalRecorder>>,
    pub limits: EndpointLimits,
    /// `None` for a rehearsal.
    pub token_counts: Option<TokenCountCache>,
    /// Permits for parsing large requests.
    pub large_body_slots: Semaphore,
}

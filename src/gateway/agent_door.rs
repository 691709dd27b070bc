//! The handle of an open door.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use secrecy::SecretString;

use crate::door::egress_policy::EgressPolicy;
use crate::door::error::DoorError;
use crate::door::state::{DoorState, RequestPause};
use crate::egress::fetch::PageFetcher;
use crate::egress::state::EgressState;

/// An open door. Dropping it closes the door; requests that were sent are still settled.
#[derive(Debug)]
pub struct AgentDoor {
    pub(super) egress: Arc<EgressState>,
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

    /// Returns a fetcher for the agent of this door; it works while the door is open.
    pub fn page_fetcher(&self) -> PageFetcher {
        PageFetcher::new(self.egress.clone(), self.state.clone())
    }

    /// Returns the time of the last sign of life: a request or a chunk of a response.
    #[cfg(test)]
    pub(crate) fn last_activity(&self) -> jiff::Timestamp {
        let activity = self.state.shared_activity();
        let microseconds = activity.load(std::sync::atomic::Ordering::Relaxed);
        jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default()
    }

    /// Returns the shared time of the last sign of life, in microseconds since the Unix epoch.
    pub fn shared_activity(&self) -> Arc<AtomicI64> {
        self.state.shared_activity()
    }

    /// Returns the number of requests in flight. The gateway's own timeouts apply to them.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.state.in_flight()
    }

    /// Returns what a request of the agent waits for inside the gateway, if any.
    pub fn current_pause(&self) -> Option<RequestPause> {
        self.state.current_pause()
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

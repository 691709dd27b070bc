//! One row of the audit trail for each request, written when it is over.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::door::DoorState;
use crate::egress::traffic_meter::TrafficMeter;
use crate::gateway::GatewayState;
use eklavya_core::audit::AuditActor;
use eklavya_services::audit;

/// What the row is called.
pub(crate) const ACTION: &str = "egress.request";

/// What was decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EgressDecision {
    /// It was let through.
    Allowed,
    /// It was not to be.
    Denied,
    /// It would have been let through, but the target has no address or does not answer.
    Failed,
}

impl EgressDecision {
    /// Returns the word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            EgressDecision::Allowed => "allowed",
            EgressDecision::Denied => "denied",
            EgressDecision::Failed => "failed",
        }
    }
}

/// A request that was allowed. What came of it is noted when this is dropped.
#[derive(Debug)]
pub(crate) struct EgressRecord {
    gateway: Arc<GatewayState>,
    door: Arc<DoorState>,
    pub(crate) meter: Arc<TrafficMeter>,
    details: Value,
    end_reason: OnceLock<String>,
}

impl EgressRecord {
    pub(crate) fn new(
        inner: Arc<GatewayState>,
        door: Arc<DoorState>,
        method: &str,
        target: &str,
        address: &str,
    ) -> Self {
        let details = json!({
            "class": door.spec.egress_policy.class(), "method": method, "target": target,
            "address": address, "decision": EgressDecision::Allowed.as_str(),
        });
        Self {
            meter: Arc::new(TrafficMeter::new(inner.egress.limits.bytes)),
            gateway: inner,
            door,
            details,
            end_reason: OnceLock::new(),
        }
    }

    /// Notes how it ended, where that was not by its own.
    pub(crate) fn set_end_reason(&self, why: &str) {
        // What ended it first is what ended it.
        self.end_reason.get_or_init(|| why.to_owned());
    }
}

impl Drop for EgressRecord {
    fn drop(&mut self) {
        let (inner, door) = (self.gateway.clone(), self.door.clone());
        let mut details = std::mem::take(&mut self.details);
        if let Some(why) = self.end_reason.take() {
            details["ended"] = why.into();
        }
        details["up"] = self.meter.bytes_up().into();
        details["down"] = self.meter.bytes_down().into();
        details["milliseconds"] = self.meter.elapsed_ms().into();
        self.door.tracker.spawn(async move {
            let (agent, project) = (door.spec.agent, door.spec.project);
            let about = (Some(project), Some(agent));
            let (data, actor) = (inner.costs.data(), AuditActor::Agent(agent));
            if let Err(error) = audit::record(data, &actor, about, ACTION, details).await {
                tracing::warn!(%agent, %error, "what passed through a door could not be noted");
            }
        });
    }
}

//! One row of the audit trail for each request, written when the request ends.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::door::state::DoorState;
use crate::egress::decision::denial::EgressDecision;
use crate::egress::state::EgressState;
use crate::egress::traffic_meter::TrafficMeter;
use eklavya_core::audit::AuditActor;
use eklavya_services::audit;

/// The action name of the audit row.
pub(crate) const EGRESS_AUDIT_ACTION: &str = "egress.request";

/// An allowed request. Its outcome is recorded when this is dropped.
#[derive(Debug)]
pub(crate) struct EgressRecord {
    egress: Arc<EgressState>,
    door: Arc<DoorState>,
    pub(crate) meter: Arc<TrafficMeter>,
    details: Value,
    end_reason: OnceLock<String>,
}

impl EgressRecord {
    pub(crate) fn new(
        egress: Arc<EgressState>,
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
            meter: Arc::new(TrafficMeter::new(egress.config.limits.bytes)),
            egress,
            door,
            details,
            end_reason: OnceLock::new(),
        }
    }

    /// Records why the request ended, if it did not end normally.
    pub(crate) fn set_end_reason(&self, why: &str) {
        // The first reason is the one that ended it.
        self.end_reason.get_or_init(|| why.to_owned());
    }
}

impl Drop for EgressRecord {
    fn drop(&mut self) {
        let (egress, door) = (self.egress.clone(), self.door.clone());
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
            let (data, actor) = (&egress.data, AuditActor::Agent(agent));
            if let Err(error) =
                audit::record(data, &actor, about, EGRESS_AUDIT_ACTION, details).await
            {
                tracing::warn!(%agent, %error, "cannot record an egress request");
            }
        });
    }
}

//! One row of the audit trail for each request, written when it is over.

use std::sync::Arc;

use serde_json::{Value, json};

use super::meter::Meter;
use crate::domain::audit::Actor;
use crate::gateway::door::DoorState;
use crate::gateway::gateway::Inner;
use crate::services::audit;

/// What the row is called.
pub(super) const ACTION: &str = "egress.request";

/// A request that was allowed. What came of it is noted when this is dropped.
#[derive(Debug)]
pub(super) struct Record {
    inner: Arc<Inner>,
    door: Arc<DoorState>,
    pub(super) meter: Meter,
    details: Value,
}

impl Record {
    pub(super) fn new(
        inner: Arc<Inner>,
        door: Arc<DoorState>,
        method: &str,
        target: &str,
        address: &str,
    ) -> Self {
        let details = json!({
            "method": method, "target": target, "address": address, "decision": "allowed",
        });
        Self {
            inner,
            door,
            meter: Meter::new(),
            details,
        }
    }

    /// Notes how it ended, where that was not by its own.
    pub(super) fn ended(&mut self, why: &str) {
        self.details["ended"] = why.into();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (inner, door) = (self.inner.clone(), self.door.clone());
        let mut details = std::mem::take(&mut self.details);
        details["up"] = self.meter.up().into();
        details["down"] = self.meter.down().into();
        details["milliseconds"] = self.meter.millis().into();
        self.door.tracker.spawn(async move {
            let (agent, project) = (door.spec.agent, door.spec.project);
            let about = (Some(project), Some(agent));
            let (desk, actor) = (inner.costs.desk(), Actor::Agent(agent));
            if let Err(error) = audit::note(desk, &actor, about, ACTION, details).await {
                tracing::warn!(%agent, %error, "what passed through a door could not be noted");
            }
        });
    }
}

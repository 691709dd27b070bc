//! One row of the audit trail for each request, written when it is over.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::meter::Meter;
use crate::door::DoorState;
use crate::gateway::Inner;
use eklavya_core::domain::audit::Actor;
use eklavya_services::audit;

/// What the row is called.
pub(super) const ACTION: &str = "egress.request";

/// What was decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It was let through.
    Allowed,
    /// It was not to be.
    Denied,
    /// It would have been let through, but the target has no address or does not answer.
    Failed,
}

impl Decision {
    /// Returns the word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Decision::Allowed => "allowed",
            Decision::Denied => "denied",
            Decision::Failed => "failed",
        }
    }
}

/// A request that was allowed. What came of it is noted when this is dropped.
#[derive(Debug)]
pub(super) struct Record {
    inner: Arc<Inner>,
    door: Arc<DoorState>,
    pub(super) meter: Arc<Meter>,
    details: Value,
    ended: OnceLock<String>,
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
            "class": door.spec.reach.class(), "method": method, "target": target,
            "address": address, "decision": Decision::Allowed.as_str(),
        });
        Self {
            meter: Arc::new(Meter::new(inner.egress.limits.bytes)),
            inner,
            door,
            details,
            ended: OnceLock::new(),
        }
    }

    /// Notes how it ended, where that was not by its own.
    pub(super) fn ended(&self, why: &str) {
        // What ended it first is what ended it.
        self.ended.get_or_init(|| why.to_owned());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (inner, door) = (self.inner.clone(), self.door.clone());
        let mut details = std::mem::take(&mut self.details);
        if let Some(why) = self.ended.take() {
            details["ended"] = why.into();
        }
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

//! The response in place of the target's, and its row of the audit trail.

use hyper::StatusCode;
use serde_json::json;

use super::audit_record::EGRESS_AUDIT_ACTION;
use super::decision::denial::{EgressDecision, EgressDenial};
use super::state::EgressState;
use crate::door::refusal_audit;
use crate::door::state::DoorState;

/// Why a request does not reach its target.
pub(crate) struct EgressRefusal {
    pub status: StatusCode,
    pub decision: EgressDecision,
    pub why: String,
}

impl EgressRefusal {
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            decision: EgressDecision::Denied,
            why: why.into(),
        }
    }

    /// The target is unusable, although the policy allows it.
    pub fn failed(why: impl Into<String>) -> Self {
        Self {
            decision: EgressDecision::Failed,
            ..Self::new(StatusCode::BAD_GATEWAY, why)
        }
    }

    /// Records the refusal in the audit trail, before the agent receives it.
    pub async fn record(&self, egress: &EgressState, door: &DoorState, method: &str, named: &str) {
        let details = json!({
            "class": door.spec.egress_policy.class(), "method": method, "target": named,
            "decision": self.decision.as_str(), "status": self.status.as_u16(),
            "why": self.why,
        });
        refusal_audit::record_refusal(&egress.data, door, EGRESS_AUDIT_ACTION, details).await;
    }
}

impl From<EgressDenial> for EgressRefusal {
    fn from(denied: EgressDenial) -> Self {
        Self {
            status: denied.status(),
            decision: denied.decision(),
            why: denied.to_string(),
        }
    }
}

//! Records requests that the gateway refuses, each as one row of the audit trail.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::state::DoorState;
use eklavya_core::audit::AuditActor;
use eklavya_services::{DataStore, audit};

/// Number of refusals after which further ones are delayed.
const SLOW_DOWN_AFTER: u32 = 50;
/// The delay. It keeps an agent that repeats forbidden requests from filling the disk.
const SLOW_DOWN_PAUSE: Duration = Duration::from_secs(1);

/// The action name of a refused request to the gateway itself.
pub(crate) const AUDIT_ACTION: &str = "gateway.request";

/// Returns the audit details of such a request.
pub(crate) fn request_details(request: &str, status: StatusCode, why: &str) -> Value {
    json!({ "request": request, "decision": "denied", "status": status.as_u16(), "why": why })
}

/// Records a refusal of a request of `door`'s agent, before the agent receives the response.
///
/// Refusals of one door are recorded one at a time. If the database fails, the refusal still
/// stands.
pub(crate) async fn record_refusal(
    data: &DataStore,
    door: &DoorState,
    action: &str,
    details: Value,
) {
    let mut refused = door.refusal_count.lock().await;
    *refused = refused.saturating_add(1);
    if *refused > SLOW_DOWN_AFTER {
        tokio::select! {
            () = door.closing.cancelled() => {}
            () = tokio::time::sleep(SLOW_DOWN_PAUSE) => {}
        }
    }
    let (agent, project) = (door.spec.agent, door.spec.project);
    let about = (Some(project), Some(agent));
    let actor = AuditActor::Agent(agent);
    if let Err(error) = audit::record(data, &actor, about, action, details).await {
        tracing::warn!(%agent, %error, "cannot record a refused request");
    }
}

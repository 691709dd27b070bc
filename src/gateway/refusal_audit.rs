//! Requests that the gateway refuses, each one line of the audit trail.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::door::DoorState;
use super::gateway::GatewayState;
use eklavya_core::audit::AuditActor;
use eklavya_services::audit;

/// From so many refusals on, the next ones are answered slowly.
const MANY: u32 = 50;
/// How slowly. An agent that asks for what it may not have, over and over, fills no disk.
const PAUSE: Duration = Duration::from_secs(1);

/// What a refused request to the gateway itself is called.
pub(crate) const REQUEST: &str = "gateway.request";

/// Returns what is told of such a request.
pub(crate) fn request_details(request: &str, status: StatusCode, why: &str) -> Value {
    json!({ "request": request, "decision": "denied", "status": status.as_u16(), "why": why })
}

/// Notes that the agent of `door` asked for something that it does not get, before it is told so.
///
/// One at a time for each door. Where the database fails the refusal stands all the same.
pub(crate) async fn record_refusal(
    inner: &GatewayState,
    door: &DoorState,
    action: &str,
    details: Value,
) {
    let mut refused = door.refusal_count.lock().await;
    *refused = refused.saturating_add(1);
    if *refused > MANY {
        tokio::select! {
            () = door.closing.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    let (agent, project) = (door.spec.agent, door.spec.project);
    let about = (Some(project), Some(agent));
    let (data, actor) = (inner.costs.data(), AuditActor::Agent(agent));
    if let Err(error) = audit::record(data, &actor, about, action, details).await {
        tracing::warn!(%agent, %error, "a refused request could not be noted");
    }
}

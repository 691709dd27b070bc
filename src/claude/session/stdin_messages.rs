//! Messages to the CLI: one JSON object per line on its stdin.

use serde_json::{Value, json};

use crate::mcp::SERVER_NAME;

/// The id of the request that starts the conversation.
pub(crate) const INITIALIZE: &str = "initialize";
/// The id of the request that interrupts the conversation.
pub(crate) const INTERRUPT: &str = "interrupt";

/// Returns the request that registers the orchestrator's tools.
pub(crate) fn initialize_request() -> Value {
    control_request(
        INITIALIZE,
        &json!({"subtype": "initialize", "sdkMcpServers": [SERVER_NAME]}),
    )
}

/// Returns the request that stops the current turn.
pub(crate) fn interrupt_request() -> Value {
    control_request(INTERRUPT, &json!({"subtype": "interrupt"}))
}

pub(crate) fn user_message(prompt: &str) -> Value {
    let content = json!([{"type": "text", "text": prompt}]);
    json!({"type": "user", "message": {"role": "user", "content": content}})
}

/// Returns the response to an `mcp_message` request. The CLI expects one to a notification too.
pub(crate) fn mcp_response(request_id: &str, reply: Option<&Value>) -> Value {
    let nothing = json!({"jsonrpc": "2.0", "result": {}});
    let response = json!({"mcp_response": reply.unwrap_or(&nothing)});
    let response = json!({"subtype": "success", "request_id": request_id, "response": response});
    json!({"type": "control_response", "response": response})
}

pub(crate) fn error_response(request_id: &str, error: &str) -> Value {
    let response = json!({"subtype": "error", "request_id": request_id, "error": error});
    json!({"type": "control_response", "response": response})
}

fn control_request(request_id: &str, request: &Value) -> Value {
    json!({"type": "control_request", "request_id": request_id, "request": request})
}

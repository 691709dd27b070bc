//! Messages between agents.

use jiff::Timestamp;
use serde_json::Value;

use crate::ids::{AgentId, MessageId, ProjectId};

/// Longest message kind, in bytes.
const LONGEST_KIND: usize = 64;
/// Largest payload, in bytes of JSON: a message is about work, it does not carry the work itself.
const LARGEST_PAYLOAD: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub project: ProjectId,
    /// The sender; `None` for the orchestrator.
    pub from: Option<AgentId>,
    pub to: MessageRecipient,
    /// For example `task.question`.
    pub kind: String,
    pub payload: Value,
    pub sent_at: Timestamp,
}

/// The recipients of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRecipient {
    Agent(AgentId),
    /// All running agents of the project except the sender, at the time of sending.
    AllAgents,
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    #[error(
        "invalid message type {0:?}: use 1 to {LONGEST_KIND} lower-case letters, digits, dots, dashes \
         and underscores"
    )]
    Kind(String),
    #[error("the message payload has {0} bytes of JSON; the limit is {LARGEST_PAYLOAD}")]
    Payload(usize),
}

/// Checks a message of an agent, whose content is untrusted.
pub fn check(kind: &str, payload: &Value) -> Result<(), InvalidMessage> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if kind.is_empty() || kind.len() > LONGEST_KIND || !kind.bytes().all(allowed) {
        let shown = kind.chars().take(LONGEST_KIND).collect();
        return Err(InvalidMessage::Kind(shown));
    }
    let size = payload.to_string().len();
    if size > LARGEST_PAYLOAD {
        return Err(InvalidMessage::Payload(size));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn invalid_kinds_and_large_payloads_are_refused() {
        assert_eq!(check("task.question-2_x", &json!({"text": "why?"})), Ok(()));
        for kind in ["", "Task", "a b", "a\u{1b}[2J", "ä", &"x".repeat(65)] {
            let error = check(kind, &Value::Null).unwrap_err();
            assert!(matches!(error, InvalidMessage::Kind(_)), "{kind}");
            assert!(error.to_string().len() < 250);
        }
        let largest = "x".repeat(LARGEST_PAYLOAD - 2);
        assert_eq!(check("a", &json!(largest)), Ok(()));
        let error = check("a", &json!(format!("{largest}x"))).unwrap_err();
        assert_eq!(error, InvalidMessage::Payload(LARGEST_PAYLOAD + 1));
    }
}

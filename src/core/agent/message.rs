//! What agents tell one another.

use jiff::Timestamp;
use serde_json::Value;

use crate::ids::{AgentId, MessageId, ProjectId};

/// Longest name of a kind of message.
const LONGEST_KIND: usize = 64;
/// Largest payload, in bytes of JSON: a message tells of work, it does not carry it.
const LARGEST_PAYLOAD: usize = 64 * 1024;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its identity.
    pub id: MessageId,
    /// Whose agents talk.
    pub project: ProjectId,
    /// Who says it; nobody where the orchestrator does.
    pub from: Option<AgentId>,
    /// To whom.
    pub to: MessageRecipient,
    /// What kind of message it is, e.g. `task.question`.
    pub kind: String,
    /// What it says.
    pub payload: Value,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// To whom a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageRecipient {
    /// One agent.
    Agent(AgentId),
    /// Every agent of the project that is at work when it is sent, but not the one that sends it.
    AllAgents,
}

/// A message that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// The kind is not a name.
    #[error(
        "the type of a message has 1 to {LONGEST_KIND} small letters, digits, dots, dashes and \
         underscores, unlike {0:?}"
    )]
    Kind(String),
    /// The payload is too large.
    #[error("the payload of a message has at most {LARGEST_PAYLOAD} bytes of JSON, not {0}")]
    Payload(usize),
}

/// Checks what an agent wants to say: its words are not to be trusted.
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
    fn a_kind_is_a_name_and_a_payload_is_small() {
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

//! The error of all state machines for an event that the state does not allow.

/// An event that the current state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {entity} that is {state} cannot {event}")]
pub struct InvalidTransition {
    pub entity: &'static str,
    pub state: &'static str,
    /// The event as a verb phrase.
    pub event: &'static str,
}

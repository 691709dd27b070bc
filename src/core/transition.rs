//! What every state machine answers to an event that its state does not allow.

/// An event that the present state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {entity} that is {state} cannot {event}")]
pub struct InvalidTransition {
    /// The kind of entity.
    pub entity: &'static str,
    /// The name of its state.
    pub state: &'static str,
    /// What was to happen, as a verb.
    pub event: &'static str,
}

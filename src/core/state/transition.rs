//! The error of all state machines for an event that the state does not allow.

use super::words::predicate;

/// An event that the current state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {entity} that is {} cannot {event}", predicate(state))]
pub struct InvalidTransition {
    pub entity: &'static str,
    /// The camelCase name of the state.
    pub state: &'static str,
    /// The event as a verb phrase.
    pub event: &'static str,
}

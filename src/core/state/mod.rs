//! What all state machines share: the words for states, and the error for a refused event.

mod transition;
mod words;

pub use transition::InvalidTransition;
pub use words::{predicate, state_words};

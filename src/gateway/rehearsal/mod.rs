//! Rehearsals: scripts of model responses that are played in place of a model. `docs/rehearsal.md`
//! describes the format.

pub mod conversation;
pub mod message;
pub(crate) mod player;
pub(crate) mod recorder;
pub(crate) mod recording;
mod rehearsed_response;
pub mod script;
pub mod step;
pub mod template;

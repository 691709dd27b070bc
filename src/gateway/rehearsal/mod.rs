//! A rehearsal: a script of what the model answers, played in place of it. `docs/rehearsal.md`
//! describes the format.

pub mod conversation;
pub mod message;
pub mod player;
pub mod recorder;
pub mod recording;
pub mod script;
pub mod step;
pub mod template;

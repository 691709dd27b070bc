//! Transcripts: all lines between an agent and the orchestrator, kept out of the agent's reach, and
//! their display.

pub(crate) mod printable;
mod record;
mod render;
pub(crate) mod tail;

pub(crate) use crate::transcript::printable::escape_unprintable;
pub use crate::transcript::tail::TranscriptTail;
pub(super) use record::TranscriptWriter;
pub use record::{LineDirection, TranscriptRecord};
pub use render::TranscriptRenderer;

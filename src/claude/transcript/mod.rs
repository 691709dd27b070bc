//! What an agent and the orchestrator said to each other, kept line by line out of the agent's
//! reach, and shown readably.

pub(crate) mod printable;
mod record;
mod render;
pub(crate) mod tail;

pub use crate::transcript::printable::escape_unprintable;
pub use crate::transcript::tail::TranscriptTail;
pub(super) use record::TranscriptWriter;
pub use record::{LineDirection, TranscriptRecord};
pub use render::TranscriptRenderer;

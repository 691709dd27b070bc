//! What an agent and the orchestrator said to each other, kept line by line out of the agent's
//! reach, and shown readably.

mod follow;
mod record;
mod render;
mod safe;

pub use follow::Follower;
pub(super) use record::TranscriptWriter;
pub use record::{Direction, Record};
pub use render::Renderer;
pub use safe::printable;

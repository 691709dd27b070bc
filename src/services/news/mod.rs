//! The event log, live: who follows it from a place sees each event once and in order, whichever
//! process wrote it, on either database, through restarts on both sides.
//!
//! The log itself is the judge of what is new. What wakes a follower (the bus, NOTIFY, the file's
//! version, a slow timer) says only that it is time to look, so it may come twice, or not at all.

mod follower;
mod herald;
mod sequencer;

pub use follower::Follower;
pub(super) use herald::Herald;
pub(super) use sequencer::Sequencer;

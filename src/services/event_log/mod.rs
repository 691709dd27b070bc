//! The event log, live: who follows it from a place sees each event once and in order, whichever
//! process wrote it, on either database, through restarts on both sides.
//!
//! The log itself is the judge of what is new. What wakes a follower (the bus, NOTIFY, the file's
//! version, a slow timer) says only that it is time to look, so it may come twice, or not at all.

pub(crate) mod notifications;
pub(crate) mod notifier;
pub(crate) mod reader;
mod sequencer;

pub(crate) use crate::event_log::notifier::EventNotifier;
pub use crate::event_log::reader::EventReader;
pub(crate) use sequencer::EventSequencer;

//! The live event log: a reader sees each event once and in order, from any process and either
//! database, even across restarts.
//!
//! The log itself decides what is new. The signals that wake a reader (the bus, NOTIFY, the file's
//! version, a slow timer) only cause a read, so they may repeat or be lost.

pub(crate) mod notifications;
pub(crate) mod notifier;
pub(crate) mod reader;
mod sequencer;

pub(crate) use crate::event_log::notifier::EventNotifier;
pub use crate::event_log::reader::EventReader;
pub(crate) use sequencer::EventSequencer;

//! Tasks: their kinds, which of them run, one task from attempt to attempt, and its acceptance.

pub(crate) mod accept;
pub(crate) mod kinds;
mod outcome;
pub(crate) mod run;
pub(crate) mod scheduler;
mod transition;

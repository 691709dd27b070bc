//! A task through its attempts, up to the acceptance of its work.

pub(crate) mod accept;
pub(crate) mod run;
pub(crate) mod scheduler;

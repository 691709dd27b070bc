//! The lease of a project: acquiring it, losing it, and recovering from earlier holders.

pub(crate) mod hold;
pub(crate) mod outage;
pub(crate) mod recovery;

//! The lease of a project: taking it, losing it, and recovering what an earlier holder left.

pub(crate) mod hold;
pub(crate) mod outage;
pub(crate) mod recovery;

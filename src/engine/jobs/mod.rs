//! Background work: the worker loop, its queue, and the other workers.

pub(crate) mod events;
pub(crate) mod peers;
pub(crate) mod queue;
pub mod worker_loop;

//! Requests to the model.

pub(crate) mod failures;
pub(crate) mod limits;
pub(crate) mod pricing;
pub(crate) mod refusal_audit;
pub(crate) mod relay;
pub(crate) mod shared_limits;

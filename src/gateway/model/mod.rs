//! Requests to the model: reservation, forwarding, usage and settlement.

pub(crate) mod backend;
pub(crate) mod exchange;
pub mod limits;
pub mod model_call;
pub(crate) mod price_list;
pub mod pricing;
pub(crate) mod relay;
pub(crate) mod settlement;
pub mod sse;
pub(crate) mod strict_json;
pub(crate) mod upstream;
pub mod usage;

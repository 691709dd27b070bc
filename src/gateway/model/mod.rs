//! Requests to the model: reservation, forwarding, usage and settlement.

pub(crate) mod backend;
pub(crate) mod exchange;
pub(crate) mod limits;
pub(crate) mod model_call;
pub(crate) mod price_list;
pub(crate) mod pricing;
pub(crate) mod relay;
pub(crate) mod settlement;
pub(crate) mod sse;
pub(crate) mod strict_json;
pub(crate) mod upstream;
pub(crate) mod usage;

//! The Messages API: the requests and responses that cross the gateway.

pub(crate) mod agent_request;
pub(crate) mod complete_response;
pub(crate) mod model_call;
pub(crate) mod request_shape;
pub(crate) mod sse;
mod strict_json;
pub(crate) mod upstream_call;
pub(crate) mod usage;

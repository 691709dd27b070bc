//! What the servers and clients of the gateway share in HTTP.

pub(crate) mod api_response;
pub(crate) mod client;

//! Egress to other hosts than the model's: a proxy at the agent's door (CONNECT, and plain HTTP by
//! absolute URI) to the hosts of its network class.
//!
//! A name is resolved once, every address is checked, and the connection goes to a checked address.
//! Each request is one row of the audit trail, allowed or not.

pub(crate) mod audit_record;
pub(crate) mod decision;
pub(crate) mod fetch;
pub(crate) mod page_request;
pub(crate) mod proxy;
pub(crate) mod refusal;
pub(crate) mod state;
pub(crate) mod traffic_meter;

pub use decision::resolver::HostResolver;

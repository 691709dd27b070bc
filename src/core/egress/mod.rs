//! Network access of agents: targets, host patterns, and forbidden addresses.

mod address;
pub(crate) mod host_list;
mod target;

pub use crate::egress::host_list::{HostList, HostPattern, HostPatternError};
pub use address::{ForbiddenAddress, classify_address};
pub use target::{EgressHost, EgressTarget, EgressTargetError};

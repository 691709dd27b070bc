//! What an agent may reach beyond its sandbox: targets, patterns of hosts, and addresses that are
//! nobody's business.

mod address;
pub(crate) mod host_list;
mod target;

pub use crate::egress::host_list::{HostList, HostPattern, HostPatternError};
pub use address::{ForbiddenAddress, classify_address};
pub use target::{EgressHost, EgressTarget, EgressTargetError};

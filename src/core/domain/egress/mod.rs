//! What an agent may reach beyond its sandbox: targets, patterns of hosts, and addresses that are
//! nobody's business.

mod address;
mod list;
mod target;

pub use address::{Forbidden, forbidden};
pub use list::{HostList, HostPattern, PatternError};
pub use target::{Host, Target, TargetError};

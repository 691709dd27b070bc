//! The way out beyond the model: a proxy at the agent's door (CONNECT, and plain HTTP by absolute
//! URI) to what its network class may reach.
//!
//! A name is resolved once, every address is checked, and the checked address is the one that is
//! connected to. Each request is one row of the audit trail, allowed or not.

pub(crate) mod audit_record;
pub(crate) mod authorize;
mod fetch;
mod hosts_file;
mod proxy;
pub(crate) mod resolver;
pub(crate) mod traffic_meter;

use std::sync::Arc;
use std::time::Duration;

pub use crate::egress::resolver::{HostResolver, SystemResolver};
pub use fetch::{FetchError, FetchedPage, PageFetcher};
pub(super) use proxy::{handle_proxy_request, is_proxy_request};

use eklavya_core::egress::HostList;
use eklavya_sandbox::proxy::PreviewLookup;

/// What one agent may reach.
#[derive(Debug, Clone, Default)]
pub enum EgressPolicy {
    /// The model and nothing else.
    #[default]
    ModelOnly,
    /// The hosts of a list.
    Hosts {
        /// Where the list is configured, e.g. `egress.packages`.
        key: &'static str,
        /// The list.
        list: Arc<HostList>,
    },
    /// Every public host.
    Public,
    /// The project's own previews, by name.
    Previews(Arc<dyn PreviewLookup>),
}

impl EgressPolicy {
    /// Whether there is anything to reach.
    pub fn allows_any(&self) -> bool {
        !matches!(self, EgressPolicy::ModelOnly)
    }

    /// Returns what the audit trail calls it: `packages`, `research`, `public`, …
    pub fn class(&self) -> &'static str {
        match self {
            EgressPolicy::ModelOnly => "nothing",
            EgressPolicy::Hosts { key, .. } => key.rsplit('.').next().unwrap_or(key),
            EgressPolicy::Public => "public",
            EgressPolicy::Previews(_) => "previews",
        }
    }
}

/// What holds for the egress of all agents.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Hosts that may have addresses which are not public: an admin vouches for them.
    pub private_hosts: HostList,
    /// What turns names into addresses.
    pub resolver: Arc<dyn HostResolver>,
    /// Time-outs and sizes.
    pub limits: EgressLimits,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            private_hosts: HostList::default(),
            resolver: Arc::new(SystemResolver),
            limits: EgressLimits::default(),
        }
    }
}

/// How much of it an agent may have.
#[derive(Debug, Clone, Copy)]
pub struct EgressLimits {
    /// For a connection.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// Of one connection, altogether.
    pub total: Duration,
    /// Bytes of one connection in both directions; nothing is no limit.
    pub bytes: Option<u64>,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_mins(5),
            total: Duration::from_hours(2),
            bytes: None,
        }
    }
}

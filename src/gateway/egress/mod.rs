//! Egress to other hosts than the model's: a proxy at the agent's door (CONNECT, and plain HTTP by
//! absolute URI) to the hosts of its network class.
//!
//! A name is resolved once, every address is checked, and the connection goes to a checked address.
//! Each request is one row of the audit trail, allowed or not.

pub(crate) mod audit_record;
pub(crate) mod authorize;
mod fetch;
mod hosts_file;
mod proxy;
pub(crate) mod resolver;
pub(crate) mod traffic_meter;

use std::sync::Arc;
use std::time::Duration;

pub use crate::egress::resolver::HostResolver;
pub(crate) use crate::egress::resolver::SystemResolver;
pub use fetch::{FetchError, FetchedPage, PageFetcher};
pub(super) use proxy::{handle_proxy_request, is_proxy_request};

use eklavya_core::egress::HostList;
use eklavya_sandbox::proxy::PreviewLookup;

/// What one agent may reach.
#[derive(Debug, Clone, Default)]
pub enum EgressPolicy {
    /// Only the model.
    #[default]
    ModelOnly,
    /// The hosts of a list.
    Hosts {
        /// The configuration key of the list, e.g. `egress.packages`.
        key: &'static str,
        list: Arc<HostList>,
    },
    /// Every public host.
    Public,
    /// The project's own previews, by name.
    Previews(Arc<dyn PreviewLookup>),
}

impl EgressPolicy {
    /// Whether the policy allows any target.
    pub fn allows_any(&self) -> bool {
        !matches!(self, EgressPolicy::ModelOnly)
    }

    /// Returns the class in the audit trail: `packages`, `research`, `public`, …
    pub fn class(&self) -> &'static str {
        match self {
            EgressPolicy::ModelOnly => "nothing",
            EgressPolicy::Hosts { key, .. } => key.rsplit('.').next().unwrap_or(key),
            EgressPolicy::Public => "public",
            EgressPolicy::Previews(_) => "previews",
        }
    }
}

/// Egress settings that apply to all agents.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Hosts that an admin vouches for: they may have addresses that are not public.
    pub private_hosts: HostList,
    /// Resolves names to addresses.
    pub resolver: Arc<dyn HostResolver>,
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

/// Limits of one egress connection.
#[derive(Debug, Clone, Copy)]
pub struct EgressLimits {
    /// Time to connect.
    pub connect: Duration,
    /// Time without a byte in either direction.
    pub idle: Duration,
    /// Total duration of one connection.
    pub total: Duration,
    /// Bytes of one connection in both directions; `None` means no limit.
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

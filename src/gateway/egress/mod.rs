//! The way out beyond the model: a proxy at the agent's door (CONNECT, and plain HTTP by absolute
//! URI) to what its network class may reach.
//!
//! A name is resolved once, every address is checked, and the checked address is the one that is
//! connected to. Each request is one row of the audit trail, allowed or not.

mod basic;
mod decide;
mod fetch;
mod forward;
mod hello;
mod hosts_file;
mod meter;
mod proxy;
mod record;
mod resolve;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

pub use fetch::{FetchError, Fetched, Fetcher};
pub(super) use proxy::{answer, is_proxied};
pub use resolve::{Resolve, SystemResolver};

use eklavya_core::domain::egress::HostList;
use eklavya_sandbox::proxy::Previews;

/// What one agent may reach.
#[derive(Debug, Clone, Default)]
pub enum Reach {
    /// The model and nothing else.
    #[default]
    Nothing,
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
    Previews(Arc<dyn Previews>),
}

impl Reach {
    /// Whether there is anything to reach.
    pub fn is_something(&self) -> bool {
        !matches!(self, Reach::Nothing)
    }

    /// Returns what the audit trail calls it: `packages`, `research`, `public`, …
    pub fn class(&self) -> &'static str {
        match self {
            Reach::Nothing => "nothing",
            Reach::Hosts { key, .. } => key.rsplit('.').next().unwrap_or(key),
            Reach::Public => "public",
            Reach::Previews(_) => "previews",
        }
    }
}

/// What holds for the egress of all agents.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Hosts that may have addresses which are not public: an admin vouches for them.
    pub private: HostList,
    /// What turns names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Time-outs and sizes.
    pub limits: EgressLimits,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            private: HostList::default(),
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

//! The egress settings of an installation.

use std::sync::Arc;
use std::time::Duration;

use super::resolver::{HostResolver, SystemResolver};
use eklavya_core::egress::HostList;

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

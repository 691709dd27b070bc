//! What the agents of a role may reach beyond the model, by its row of the table and the
//! configuration.

use std::sync::Arc;

use super::browsing;
use super::site::Site;
use eklavya_config::{Config, EgressSettings};
use eklavya_core::domain::egress::HostList;
use eklavya_core::domain::role::Role;
use eklavya_gateway::{EgressConfig, EgressLimits, Reach};
use eklavya_sandbox::policy::{NetworkClass, policy};
use eklavya_sandbox::proxy::Previews;

/// Returns what holds for all agents.
pub(super) fn config(config: &Config) -> EgressConfig {
    EgressConfig {
        private: config.egress.private.clone(),
        limits: EgressLimits {
            bytes: config.egress.bytes,
            ..EgressLimits::default()
        },
        ..EgressConfig::default()
    }
}

/// Returns what agents of `role` may reach, with the lists of `settings`.
pub fn by_class(
    role: Role,
    settings: &EgressSettings,
    previews: impl FnOnce() -> Arc<dyn Previews>,
) -> Reach {
    let hosts = |key, list: &HostList| Reach::Hosts {
        key,
        list: Arc::new(list.clone()),
    };
    match policy(role).network {
        NetworkClass::Internal => Reach::Nothing,
        NetworkClass::Research => hosts("egress.research", &settings.research),
        NetworkClass::PackageManagers => hosts("egress.packages", &settings.packages),
        NetworkClass::Metrics => hosts("egress.metrics", &settings.metrics),
        NetworkClass::TestOnly => Reach::Previews(previews()),
        NetworkClass::Full => Reach::Public,
    }
}

/// Returns what agents of `role` may reach from a site.
pub(super) fn reach(site: &Site, role: Role) -> Reach {
    let previews = || -> Arc<dyn Previews> { Arc::new(browsing::names(site, None)) };
    by_class(role, &site.config.egress, previews)
}

//! The hosts that the agents of a role may reach beyond the model: its row of the role table,
//! together with the configuration.

use std::sync::Arc;

use crate::context::site::Site;
use crate::preview::browser;
use eklavya_config::{Config, EgressSettings};
use eklavya_core::agent::role::Role;
use eklavya_core::egress::HostList;
use eklavya_gateway::{EgressConfig, EgressLimits, EgressPolicy};
use eklavya_sandbox::proxy::PreviewLookup;
use eklavya_sandbox::role_policy::{NetworkClass, role_policy};

/// Returns the settings that apply to all agents.
pub(crate) fn egress_config(config: &Config) -> EgressConfig {
    EgressConfig {
        private_hosts: config.egress.private.clone(),
        limits: EgressLimits {
            bytes: config.egress.max_connection_bytes,
            ..EgressLimits::default()
        },
        ..EgressConfig::default()
    }
}

/// Returns what agents of `role` may reach with the host lists of `settings`.
pub fn reach_of_network_class(
    role: Role,
    settings: &EgressSettings,
    previews: impl FnOnce() -> Arc<dyn PreviewLookup>,
) -> EgressPolicy {
    let hosts = |key, list: &HostList| EgressPolicy::Hosts {
        key,
        list: Arc::new(list.clone()),
    };
    match role_policy(role).network {
        NetworkClass::Internal => EgressPolicy::ModelOnly,
        NetworkClass::Research => hosts("egress.research", &settings.research),
        NetworkClass::PackageManagers => hosts("egress.packages", &settings.packages),
        NetworkClass::Metrics => hosts("egress.metrics", &settings.metrics),
        NetworkClass::TestOnly => EgressPolicy::Previews(previews()),
        NetworkClass::Full => EgressPolicy::Public,
    }
}

/// Returns what agents of `role` may reach with the configuration of the site.
pub(crate) fn reach_of_role(site: &Site, role: Role) -> EgressPolicy {
    let previews = || -> Arc<dyn PreviewLookup> { Arc::new(browser::preview_names(site, None)) };
    reach_of_network_class(role, &site.config.egress, previews)
}

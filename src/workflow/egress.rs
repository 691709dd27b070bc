//! What the agents of a role may reach beyond the model, by its row of the table and the
//! configuration.

use std::sync::Arc;

use super::browsing;
use super::site::Site;
use crate::config::Config;
use crate::domain::egress::HostList;
use crate::domain::role::Role;
use crate::gateway::{EgressConfig, EgressLimits, Reach};
use crate::sandbox::policy::{NetworkClass, policy};

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

/// Returns what agents of `role` may reach.
pub(super) fn reach(site: &Site, role: Role) -> Reach {
    let hosts = |key, list: &HostList| Reach::Hosts {
        key,
        list: Arc::new(list.clone()),
    };
    let egress = &site.config.egress;
    match policy(role).network {
        NetworkClass::Internal => Reach::Nothing,
        NetworkClass::Research => hosts("egress.research", &egress.research),
        NetworkClass::PackageManagers => hosts("egress.packages", &egress.packages),
        NetworkClass::Metrics => hosts("egress.metrics", &egress.metrics),
        NetworkClass::TestOnly => Reach::Previews(Arc::new(browsing::names(site, None))),
        NetworkClass::Full => Reach::Public,
    }
}

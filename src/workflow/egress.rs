//! What the agents of a role may reach beyond the model, by its row of the table and the
//! configuration.

use std::sync::Arc;

use super::browsing;
use super::site::Site;
use crate::config::{Config, EgressSettings};
use crate::domain::egress::HostList;
use crate::domain::role::Role;
use crate::gateway::{EgressConfig, EgressLimits, Previews, Reach};
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
    reach_of(role, &site.config.egress, || {
        Arc::new(browsing::names(site, None))
    })
}

/// Returns what agents of `role` may reach, by these lists and of these previews.
pub(super) fn reach_of(
    role: Role,
    lists: &EgressSettings,
    previews: impl FnOnce() -> Arc<dyn Previews>,
) -> Reach {
    let hosts = |key, list: &HostList| Reach::Hosts {
        key,
        list: Arc::new(list.clone()),
    };
    match policy(role).network {
        NetworkClass::Internal => Reach::Nothing,
        NetworkClass::Research => hosts("egress.research", &lists.research),
        NetworkClass::PackageManagers => hosts("egress.packages", &lists.packages),
        NetworkClass::Metrics => hosts("egress.metrics", &lists.metrics),
        NetworkClass::TestOnly => Reach::Previews(previews()),
        NetworkClass::Full => Reach::Public,
    }
}

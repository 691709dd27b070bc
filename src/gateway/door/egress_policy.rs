//! What the agent behind a door may reach besides the model.

use std::sync::Arc;

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

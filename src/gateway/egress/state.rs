//! What the egress of all doors shares.

use super::decision::config::EgressConfig;
use eklavya_services::DataStore;

/// The state behind the proxy and the fetcher: the settings, and the data store of the audit trail.
#[derive(Debug)]
pub(crate) struct EgressState {
    pub config: EgressConfig,
    pub data: DataStore,
}

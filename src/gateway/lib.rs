//! The agents' only way to the network: model proxy, egress proxy, pricing and reservations,
//! rehearsals.
//!
//! Each agent has one unix socket ([`AgentDoor`]). The gateway checks a request on it, reserves its
//! maximum cost against every limit ([`eklavya_services::costs`]), adds the real credential and
//! sends it to the endpoint or to the rehearsal. The response streams through, and the usage that it
//! states settles the ledger.

mod agent_door;
mod api;
mod door;
pub mod egress;
mod gateway;
mod http;
mod model;
pub mod rehearsal;
mod server;
#[cfg(test)]
mod tests;

pub use agent_door::AgentDoor;
pub use door::egress_policy::EgressPolicy;
pub use door::error::DoorError;
pub use door::socket::SOCKET_NAME;
pub use door::spec::DoorSpec;
pub use door::state::RequestPause;
pub use egress::decision::config::{EgressConfig, EgressLimits};
pub use egress::fetch::{FetchError, PageFetcher};
pub use egress::page_request::FetchedPage;
pub use gateway::{Gateway, GatewayConfig, GatewayError};
pub use model::backend::ModelSource;
pub use model::pricing::{PriceTable, PriceTableError};
pub use model::state::GatewayTimeouts;
pub use model::upstream::UnusableEndpoint;
pub use model::upstream::credential::UnusableCredential;
pub use rehearsal::recorder::RehearsalRecorder;
pub use rehearsal::script::{RehearsalScript, ScriptError};

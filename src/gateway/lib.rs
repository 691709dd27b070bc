//! The agent's only door: model proxy, pricing and reservations, rehearsal.
//!
//! Each agent has one unix socket ([`Door`]). A request on it is checked ([`request`]), the most that
//! it can cost is held against every limit ([`eklavya_services::costs`]), the real credential is put in
//! ([`credential`]) and the request goes to the endpoint or to the rehearsal. The answer passes through
//! as it comes, and what it states to have used settles the ledger.

pub mod door;
pub mod egress;
mod gateway;
mod http_client;
pub mod rehearsal;
mod server;
mod socket;

pub use crate::model::pricing::{PriceTable, PriceTableError};
pub use crate::model::upstream::UnusableEndpoint;
pub use crate::model::upstream::credential::UnusableCredential;
pub use door::{AgentDoor, DoorError, DoorSpec, RequestPause};
pub use egress::{EgressConfig, EgressLimits, EgressPolicy, FetchError, FetchedPage, PageFetcher};
pub use gateway::{Gateway, GatewayConfig, GatewayError, GatewayTimeouts, ModelSource};
pub use rehearsal::recorder::RehearsalRecorder;
pub use rehearsal::script::{RehearsalScript, ScriptError};
pub use socket::SOCKET_NAME;

mod api_response;
pub mod model;
mod refusal_audit;
#[cfg(test)]
mod tests;

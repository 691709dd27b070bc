//! The agent's only door: model proxy, pricing and reservations, rehearsal.
//!
//! Each agent has one unix socket ([`Door`]). A request on it is checked ([`request`]), the most that
//! it can cost is held against every limit ([`eklavya_services::costs`]), the real credential is put in
//! ([`credential`]) and the request goes to the endpoint or to the rehearsal. The answer passes through
//! as it comes, and what it states to have used settles the ledger.

mod api_error;
mod backend;
mod counted;
pub mod credential;
pub mod door;
pub mod egress;
mod exchange;
#[expect(
    clippy::module_inception,
    reason = "the gateway itself, among its parts"
)]
mod gateway;
mod http_client;
mod json;
mod park;
mod price_list;
pub mod pricing;
mod refusal;
mod refused;
pub mod rehearsal;
mod relay;
pub mod request;
mod server;
mod settlement;
mod socket;
pub mod sse;
mod turns;
mod upstream;
pub mod usage;

pub use credential::UnusableCredential;
pub use door::{Door, DoorProblem, DoorSpec, Pause};
pub use egress::{EgressConfig, EgressLimits, FetchError, Fetched, Fetcher, Reach};
pub use gateway::{Gateway, GatewayConfig, GatewayError, ModelSource, Patience};
pub use pricing::{Pricing, PricingError};
pub use rehearsal::recorder::Recorder;
pub use rehearsal::script::{Script, ScriptError};
pub use socket::SOCKET_NAME;
pub use upstream::UpstreamError;

#[cfg(test)]
mod tests;

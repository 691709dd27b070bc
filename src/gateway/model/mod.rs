//! Requests to the model: reservation, forwarding, usage and settlement.

pub(crate) mod backend;
pub(crate) mod exchange;
pub(crate) mod limits;
mod price_list;
pub(crate) mod pricing;
pub(crate) mod settlement;
pub(crate) mod state;
pub(crate) mod token_count_cache;
pub(crate) mod upstream;

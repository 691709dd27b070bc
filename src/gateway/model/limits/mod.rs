//! Rate limits of the endpoint and of the configuration.

pub(crate) mod rate_limit_pause;
pub(crate) mod request_rate;
pub(crate) mod token_count_cache;

//! Rate limits of the endpoint and of the configuration.

pub(crate) mod rate_limit_pause;
pub(crate) mod request_rate;

use self::rate_limit_pause::RateLimitPause;
use self::request_rate::RequestRate;
use eklavya_services::DataStore;
use eklavya_services::shared_limits::SharedLimits;

/// The limits of one endpoint, shared by all workers.
#[derive(Debug)]
pub(crate) struct EndpointLimits {
    pub rate_limit_pause: RateLimitPause,
    /// `None` if the request rate is not limited.
    pub request_rate: Option<RequestRate>,
}

impl EndpointLimits {
    /// Returns the limits of `endpoint`. A rehearsal has no endpoint, and no limits other than those
    /// that it plays.
    pub fn new(endpoint: Option<String>, per_minute: Option<u32>, data: &DataStore) -> Self {
        let limits = SharedLimits::new(data.clone());
        let shared = endpoint.clone().map(|name| (limits.clone(), name));
        let rate = endpoint.zip(per_minute);
        Self {
            rate_limit_pause: RateLimitPause::new(shared),
            request_rate: rate.map(|(name, count)| RequestRate::new(limits, name, count)),
        }
    }
}

//! The pause that a rate limit imposes, shared by all workers of the installation.

use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use eklavya_core::backoff::Backoff;
use eklavya_services::shared_limits::SharedLimits;

/// Pauses if the endpoint states none.
const DEFAULT_PAUSE: Backoff =
    Backoff::new(Duration::from_secs(1), Duration::from_mins(1)).with_jitter();
/// The longest pause that is accepted from the endpoint.
const MAX_STATED_PAUSE: Duration = Duration::from_hours(366 * 24);

/// The time until which nothing is sent to the endpoint.
#[derive(Debug)]
pub(crate) struct RateLimitPause {
    until: Mutex<Option<Instant>>,
    /// The shared limits and the endpoint's name; `None` for a rehearsal, whose pauses are its own.
    shared: Option<(SharedLimits, String)>,
}

impl RateLimitPause {
    pub fn new(shared: Option<(SharedLimits, String)>) -> Self {
        Self {
            until: Mutex::default(),
            shared,
        }
    }

    /// Pauses all requests for `pause` from now, unless a longer pause is in effect.
    pub async fn extend(&self, pause: Duration) {
        // A longer pause is capped: it exceeds every request's maximum wait anyway.
        let pause = pause.min(MAX_STATED_PAUSE);
        let until = Instant::now() + pause;
        {
            let mut current = self.lock();
            *current = Some(current.map_or(until, |before| before.max(until)));
        }
        if let Some((limits, name)) = &self.shared
            && let Err(error) = limits.pause(name, pause).await
        {
            tracing::warn!(%error, "cannot share a rate limit with other workers");
        }
    }

    /// Returns the time until which requests are paused, if it is in the future.
    pub async fn active_until(&self) -> Option<Instant> {
        let shared = self.shared_remaining().await;
        let shared = shared.map(|left| Instant::now() + left);
        let own = self.lock().filter(|until| *until > Instant::now());
        own.max(shared)
    }

    async fn shared_remaining(&self) -> Option<Duration> {
        let (limits, name) = self.shared.as_ref()?;
        // If the database is unreachable, reservations fail as well and report the error.
        limits.remaining_pause(name).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot read the shared rate limit");
            None
        })
    }

    /// Waits for the end of a pause. A random delay spreads the waiting requests.
    pub async fn wait_until(until: Instant) {
        let spread = Duration::from_millis(rand::rng().random_range(0..250));
        tokio::time::sleep_until(until + spread).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Returns the pause after a rate-limit response: the stated one, or a guess that grows with
/// `attempt`, counted from 0.
pub(crate) fn pause_duration(headers: &HeaderMap, attempt: u32) -> Duration {
    stated_pause(headers).unwrap_or_else(|| DEFAULT_PAUSE.pause_after(attempt))
}

/// Reads `retry-after` in seconds, or its finer form `retry-after-ms`.
fn stated_pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| {
        let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (0.0..1e9).contains(&value).then_some(value)
    };
    number("retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number("retry-after"))
        .map(Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_the_endpoint_states_is_used_unless_it_is_invalid() {
        let after = |name: &'static str, value: &'static str| {
            stated_pause(&HeaderMap::from_iter([(
                name.parse().unwrap(),
                value.parse().unwrap(),
            )]))
        };
        assert_eq!(after("retry-after", "3"), Some(Duration::from_secs(3)));
        assert_eq!(
            after("retry-after-ms", "250"),
            Some(Duration::from_millis(250))
        );
        for nonsense in ["", "-1", "NaN", "inf", "soon", "1e300"] {
            assert_eq!(after("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn guessed_pauses_grow_up_to_a_maximum() {
        let guess = |attempt| pause_duration(&HeaderMap::new(), attempt);
        assert!(guess(0) < Duration::from_secs(2));
        assert!((60..=75).contains(&guess(100).as_secs()));
    }
}

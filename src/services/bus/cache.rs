//! A cache inside this process, with expiry and a limited number of entries.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The entry that expires first is evicted.
const MAX_ENTRIES: usize = 1_024;
/// Largest value, in bytes; larger ones are not cached, on either bus.
pub(super) const MAX_VALUE_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct ExpiringCache(HashMap<String, (Instant, String)>);

impl ExpiringCache {
    pub fn get(&mut self, key: &str, now: Instant) -> Option<String> {
        let (until, value) = self.0.get(key)?;
        if *until > now {
            return Some(value.clone());
        }
        self.0.remove(key);
        None
    }

    pub fn put(&mut self, key: &str, value: &str, time_to_live: Duration, now: Instant) {
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(key) {
            self.0.retain(|_, (until, _)| *until > now);
        }
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(key) {
            let first = self.0.iter().min_by_key(|(_, (until, _))| *until);
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
        // A time beyond the clock's range is never requested.
        if let Some(until) = now.checked_add(time_to_live) {
            self.0.insert(key.to_owned(), (until, value.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cache_evicts_the_entry_that_expires_first() {
        let (mut cache, now) = (ExpiringCache::default(), Instant::now());
        let hour = Duration::from_hours(1);
        cache.put("short", "x", hour / 2, now);
        for n in 0..MAX_ENTRIES {
            cache.put(&n.to_string(), "x", hour, now);
        }
        assert_eq!(
            (cache.0.len(), cache.get("short", now)),
            (MAX_ENTRIES, None)
        );
        assert_eq!(
            cache.get("1", now + hour),
            None,
            "a value expires when its time has passed"
        );
        cache.put("last", "x", hour, now);
        cache.put("new", "y", hour, now + hour);
        assert_eq!(
            (cache.0.len(), cache.get("new", now + hour)),
            (1, Some("y".into()))
        );
    }
}

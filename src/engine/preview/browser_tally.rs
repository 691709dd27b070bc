//! The audit entries about a browser, limited in number: a page can make endless requests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// The action of a request: the first for each preview, and the first refused requests.
const REQUEST: &str = "browser.request";
/// The action of the summary of all requests.
const SUM: &str = "browser.requests";
/// The most refused requests that get an entry of their own.
const MAX_REFUSALS: u64 = 100;
/// Characters kept of a host name.
const MAX_HOST: usize = 255;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrowserAuditEntry {
    pub action: &'static str,
    pub details: Value,
}

/// Counts the requests of one browser.
#[derive(Debug, Default)]
pub(crate) struct BrowserRequestTally(Mutex<BrowserRequestCounts>);

#[derive(Debug, Default)]
struct BrowserRequestCounts {
    /// Requests by the name of the preview; bounded by the number of previews.
    reached: BTreeMap<String, u64>,
    /// The addresses of the previews.
    places: BTreeSet<(String, SocketAddr)>,
    refused: u64,
}

impl BrowserRequestTally {
    /// Counts a request for a preview; returns an entry for the first one at this address.
    pub(crate) fn record_reached(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> Option<BrowserAuditEntry> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.reached.entry(host.to_owned()).or_default() += 1;
        let first = counts.places.insert((host.to_owned(), address));
        first.then(|| BrowserAuditEntry {
            action: REQUEST,
            details: json!({ "host": host, "address": address.to_string(), "decision": "allowed" }),
        })
    }

    /// Counts a refused request; returns an entry for each of the first ones.
    pub(crate) fn record_refused(&self, host: &str) -> Option<BrowserAuditEntry> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.refused += 1;
        let host: String = host.chars().take(MAX_HOST).collect();
        (counts.refused <= MAX_REFUSALS).then(|| BrowserAuditEntry {
            action: REQUEST,
            details: json!({ "host": host, "decision": "denied" }),
        })
    }

    /// Resets the counts; returns their summary if there were requests.
    pub(crate) fn take_summary(&self) -> Option<BrowserAuditEntry> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let BrowserRequestCounts {
            reached, refused, ..
        } = std::mem::take(&mut *counts);
        let any = refused > 0 || !reached.is_empty();
        any.then(|| BrowserAuditEntry {
            action: SUM,
            details: json!({ "allowed": reached, "denied": refused }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "demo-1.shop.localhost";

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn many_requests_of_a_page_cause_few_audit_entries() {
        let tally = BrowserRequestTally::default();
        let rows = (0..10_000).filter_map(|_| tally.record_reached(NAME, address(8000)));
        let rows: Vec<_> = rows.map(|row| (row.action, row.details)).collect();
        let expected = json!({ "host": NAME, "address": "127.0.0.1:8000", "decision": "allowed" });
        assert_eq!(rows, [("browser.request", expected)]);
        let refused =
            (0..10_000).filter_map(|number| tally.record_refused(&format!("{number}.example")));
        assert_eq!(refused.count(), 100);
        // A restarted preview has another address.
        assert!(tally.record_reached(NAME, address(8001)).is_some());
        let sum = tally.take_summary().unwrap();
        assert_eq!(sum.action, "browser.requests");
        assert_eq!(
            sum.details,
            json!({ "allowed": { NAME: 10_001 }, "denied": 10_000 })
        );
    }

    #[test]
    fn taking_the_summary_resets_the_counts_and_an_idle_browser_has_no_summary() {
        let tally = BrowserRequestTally::default();
        assert_eq!(tally.take_summary(), None);
        tally.record_refused(&"x".repeat(1000));
        assert_eq!(tally.take_summary().unwrap().details["denied"], 1);
        assert_eq!(tally.take_summary(), None);
        let row = tally.record_refused(&"x".repeat(1000)).unwrap();
        assert_eq!(row.details["host"].as_str().unwrap().len(), 255);
        assert!(tally.record_reached(NAME, address(1)).is_some());
    }
}

//! Settlements that must not be lost.

use std::time::Duration;

use eklavya_core::backoff::Backoff;
use eklavya_core::ids::LedgerId;
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;
use eklavya_services::costs::CostTracker;

/// Attempts at a settlement. After the last one the reservation stays, and recovery settles it at
/// its upper bound.
const MAX_ATTEMPTS: u32 = 6;
const PAUSES: Backoff =
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5)).with_jitter();

/// How a reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LedgerSettlement {
    /// The response stated its usage.
    Exact { usage: TokenUsage, amount: MicroUsd },
    /// The usage is unknown.
    UpperBound,
    /// Nothing was charged.
    Released,
}

/// Settles a reservation, with retries if the database fails.
pub(crate) async fn settle_reservation(
    costs: &CostTracker,
    id: LedgerId,
    settlement: LedgerSettlement,
    request_id: Option<&str>,
) {
    let mut backoff = PAUSES.clone();
    for attempt in 0..MAX_ATTEMPTS {
        let settled = match settlement {
            LedgerSettlement::Exact { usage, amount } => costs
                .settle(id, usage, amount, request_id)
                .await
                .map(|_| ()),
            LedgerSettlement::UpperBound => {
                costs.settle_upper_bound(id, request_id).await.map(|_| ())
            }
            LedgerSettlement::Released => costs.release(id).await,
        };
        match settled {
            Ok(()) => return,
            // The worker that holds the project's lease now settles it at its upper bound.
            Err(error) if error.is_lease_lost() => {
                return tracing::warn!(entry = %id, "{error}");
            }
            Err(error) => {
                tracing::error!(entry = %id, %error, attempt, "cannot settle a ledger entry");
            }
        }
        backoff.wait().await;
    }
}

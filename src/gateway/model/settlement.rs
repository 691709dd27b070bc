//! Bookings that must not be lost.

use std::time::Duration;

use eklavya_core::backoff::Backoff;
use eklavya_core::ids::LedgerId;
use eklavya_core::ledger::TokenUsage;
use eklavya_core::money::MicroUsd;
use eklavya_services::costs::CostTracker;

/// How often a booking is tried. Afterwards the reservation stays, and recovery books it at its
/// upper bound.
const TRIES: u32 = 6;
const PAUSES: Backoff =
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5)).with_jitter();

/// How a reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LedgerSettlement {
    /// The answer said what it used.
    Exact { usage: TokenUsage, amount: MicroUsd },
    /// What was used is not known.
    UpperBound,
    /// Surely nothing was charged.
    Released,
}

/// Ends a reservation, and insists where the database fails.
pub(crate) async fn settle_reservation(
    costs: &CostTracker,
    id: LedgerId,
    booking: LedgerSettlement,
    request_id: Option<&str>,
) {
    let mut backoff = PAUSES.clone();
    for attempt in 0..TRIES {
        let booked = match booking {
            LedgerSettlement::Exact { usage, amount } => costs
                .settle(id, usage, amount, request_id)
                .await
                .map(|_| ()),
            LedgerSettlement::UpperBound => {
                costs.settle_upper_bound(id, request_id).await.map(|_| ())
            }
            LedgerSettlement::Released => costs.release(id).await,
        };
        match booked {
            Ok(()) => return,
            // Whoever has the project now books it at its upper bound.
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

//! Bookings that must not be lost.

use std::time::Duration;

use super::park::backoff;
use eklavya_core::domain::ids::LedgerId;
use eklavya_core::domain::ledger::TokenUsage;
use eklavya_core::domain::money::MicroUsd;
use eklavya_services::costs::Costs;

/// How often a booking is tried. Afterwards the reservation stays, and recovery books it at its
/// upper bound.
const TRIES: u32 = 6;

/// How a reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Booking {
    /// The answer said what it used.
    Exact { usage: TokenUsage, amount: MicroUsd },
    /// What was used is not known.
    UpperBound,
    /// Surely nothing was charged.
    Released,
}

/// Ends a reservation, and insists where the database fails.
pub(super) async fn book(costs: &Costs, id: LedgerId, booking: Booking, request_id: Option<&str>) {
    for attempt in 0..TRIES {
        let booked = match booking {
            Booking::Exact { usage, amount } => costs
                .settle(id, usage, amount, request_id)
                .await
                .map(|_| ()),
            Booking::UpperBound => costs.settle_upper_bound(id, request_id).await.map(|_| ()),
            Booking::Released => costs.release(id).await,
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
        let pause = backoff(Duration::from_millis(100), Duration::from_secs(5), attempt);
        tokio::time::sleep(pause).await;
    }
}

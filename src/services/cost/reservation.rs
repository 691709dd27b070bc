//! Deciding whether budgets allow a request, and how many output tokens.

use eklavya_core::ids::LedgerId;
use eklavya_core::ledger::{
    Budget, BudgetScope, BudgetShortage, PriceQuote, RequestPayer, Reservation,
};
use eklavya_core::money::MicroUsd;

/// With at least this many output tokens, a request does not wait for others to release their
/// reservations: few answers are longer.
const COMFORTABLE_TOKENS: u64 = 16_384;

/// The result of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationOutcome {
    /// The money is reserved in the ledger.
    Granted(Reservation),
    /// Requests in progress hold the needed amount; they may release some of it.
    Held(BudgetShortage),
    Refused(BudgetShortage),
}

/// Grants as many tokens as every budget allows.
pub(super) fn decide_reservation(
    payer: &RequestPayer,
    quote: &PriceQuote,
    budgets: &[(BudgetScope, Budget)],
) -> ReservationOutcome {
    let limited = || budgets.iter().filter(|(_, budget)| budget.limit.is_some());
    let shortage = |(scope, budget): &(BudgetScope, Budget)| BudgetShortage {
        scope: *scope,
        slug: payer.slug.clone(),
        task_key: payer.task_key.clone(),
        budget: *budget,
        needed: quote.cost_at(quote.min_tokens.min(quote.max_tokens)),
    };
    let Some(emptiest) = limited().min_by_key(|(_, budget)| unheld_amount(budget)) else {
        return grant(quote, quote.max_tokens);
    };
    let Some(later) = quote.affordable_tokens(unheld_amount(&emptiest.1)) else {
        return ReservationOutcome::Refused(shortage(emptiest));
    };
    let tightest = limited()
        .min_by_key(|(_, budget)| budget.available())
        .unwrap_or(emptiest);
    let now = tightest
        .1
        .available()
        .and_then(|left| quote.affordable_tokens(left));
    match now {
        Some(now) if now >= later.min(COMFORTABLE_TOKENS) => grant(quote, now),
        _ => ReservationOutcome::Held(shortage(tightest)),
    }
}

/// Returns what a budget has left if no reservation is ever charged.
fn unheld_amount(budget: &Budget) -> MicroUsd {
    let limit = budget.limit.unwrap_or_default();
    limit.saturating_sub(budget.spent)
}

fn grant(quote: &PriceQuote, max_tokens: u64) -> ReservationOutcome {
    let amount = quote.cost_at(max_tokens);
    ReservationOutcome::Granted(Reservation {
        id: LedgerId::random(),
        max_tokens,
        amount,
    })
}
